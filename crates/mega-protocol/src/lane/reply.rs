//! What the body of a `cs` response is.

use bytes::Bytes;

use crate::code::ApiCode;
use crate::command;
use crate::error::Refusal;
use crate::json::{Cursor, DecodeError, Value, parse_i64};

/// The body of a response with status 200, recognised.
#[derive(Debug)]
pub(super) enum Body {
    /// One element for each command.
    Elements(Vec<Bytes>),
    /// Exactly `-3` or `-4`: nothing was executed, try again.
    Again(ApiCode),
    /// A refusal of the whole batch.
    Refused(Refusal),
    /// A number that is no error code. The SDK takes it for an internal error
    /// (`MegaClient::exec`); it does not tell whether anything was executed.
    NoCode,
    /// Not an answer of the service at all (NET-8).
    Foreign,
    /// From the service by the looks of it, but broken.
    Malformed(DecodeError),
}

/// Recognises a body that should answer `expected` commands.
pub(super) fn recognise(body: &Bytes, expected: usize) -> Body {
    let text = body.trim_ascii();
    let refused = |code| Body::Refused(Refusal::new("batch", code));
    match text.first() {
        Some(b'[') => elements(body, text, expected),
        Some(b'{') => match Value::parse(text) {
            Ok(value) => match command::refusal("batch", value) {
                Some(refusal) => Body::Refused(refusal),
                None => Body::Malformed(DecodeError::new("an array is wanted")),
            },
            Err(error) => Body::Malformed(error),
        },
        Some(b'-' | b'0'..=b'9') => match parse_i64(text) {
            Some(-3) => Body::Again(ApiCode::EAGAIN),
            Some(-4) => Body::Again(ApiCode::ERATELIMIT),
            Some(0..) => Body::NoCode,
            Some(n) => match i32::try_from(n) {
                Ok(n) => refused(ApiCode::new(n)),
                Err(_) => Body::Malformed(DecodeError::new("a code out of range")),
            },
            None => Body::Malformed(DecodeError::new("a broken number")),
        },
        _ => Body::Foreign,
    }
}

fn elements(body: &Bytes, text: &[u8], expected: usize) -> Body {
    let read = || -> Result<Vec<Bytes>, DecodeError> {
        let mut cursor = Cursor::whole(text);
        cursor.expect(b'[', "an array is wanted")?;
        let mut elements = Vec::with_capacity(expected.min(10_000));
        while cursor.next_member(b']', elements.is_empty())? {
            elements.push(body.slice_ref(cursor.skip_value()?));
            if elements.len() > expected {
                return Err(DecodeError::new("more replies than commands"));
            }
        }
        if !cursor.at_end() {
            return Err(DecodeError::new("something follows the array"));
        }
        Ok(elements)
    };
    match read() {
        Ok(elements) if elements.len() == expected => Body::Elements(elements),
        Ok(_) => Body::Malformed(DecodeError::new("fewer replies than commands")),
        Err(error) => Body::Malformed(error),
    }
}

/// The code that a reply element is, if it is one that means "nothing was executed, try again".
pub(super) fn again(element: &[u8]) -> Option<ApiCode> {
    match element {
        b"-3" => Some(ApiCode::EAGAIN),
        b"-4" => Some(ApiCode::ERATELIMIT),
        _ => None,
    }
}

/// Whether a reply element is a refusal; `None` when it cannot be read.
pub(super) fn is_refusal(element: &[u8]) -> Option<bool> {
    let value = Value::parse(element).ok()?;
    Some(command::refusal("batch", value).is_some())
}
