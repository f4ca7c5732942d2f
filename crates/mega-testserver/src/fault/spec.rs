//! Faults as text, for those who do not write Rust.

use std::str::FromStr;
use std::time::Duration;

use super::{Fault, Lane};
use crate::model::{edit_block, resize};

/// Why a text is no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no fault: {what}")]
#[non_exhaustive]
pub struct NoFault {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub what: &'static str,
}

/// `WHERE=WHAT`, then how often.
///
/// - WHERE: the name of a command; or `any`, `api`, `events`, `wait`, `upload`, `download`, `attributes`, `connection`, and these followed
///   by a part of the path, as in `upload/131072`.
/// - WHAT: `-3` (code of the command; of the whole reply where no command is named), `503` (status), `509:60` (bandwidth, seconds to
///   wait), `batch:-3`, `lost` (executed, no reply), `dropped` (not executed), `refused` (of a
///   `connection`), `overtaken:1` (executed after so many later ones), `reset`, `headers`, `cut:1000`,
///   `truncate:1000`, `extend:10`, `corrupt:1000`, `file:1000` (of the file, in whichever range), `stall:1000:5000` (bytes,
///   milliseconds), `delay:500`, `html`, `twice`, `stale`, `gzip`, `hashcash:255`, `expire`, `logout`, `forget`, `notoken`,
///   `falsetoken`, `noevents`, `twoevents`, `reversed`, `late`, `old`, `without:NAME`, `set:NAME:JSON`, `add:NAME:JSON`, `edit:NAME:BLOCK:EDIT` (of a
///   member's bytes; EDIT is `flip:BIT`, `zero`, `copy:BLOCK` or `swap:BLOCK`), `resize:NAME:BYTES`, `trickle:BYTES:MS`,
///   `cutwithin:BYTES` and `corruptwithin:BYTES` (at an offset below, drawn from the seed), `bomb:BYTES`, `unknown`, `swapped`, `texts`
///   (numbers as text), `shorter:N`, `longer:N`, `tagged` and `untagged` (the reply dialect), `header:NAME:"VALUE"`,
///   `redirect:"URL"`, `waiturl:"URL"`, `body:"TEXT"`.
/// - How often: once; `*3` three times, `*` always, `%10` one in ten, drawn from the seed, and `+2` lets two pass before.
///
/// ```
/// use mega_testserver::Fault;
///
/// let busy: Fault = "p=batch:-3*2".parse()?;
/// let flaky: Fault = "download=cut:70000%10".parse()?;
/// let second: Fault = "upload/131072=-4+1".parse()?;
/// assert!("p".parse::<Fault>().is_err());
/// # let _ = (busy, flaky, second);
/// # Ok::<(), mega_testserver::NoFault>(())
/// ```
impl FromStr for Fault {
    type Err = NoFault;

    fn from_str(text: &str) -> Result<Self, NoFault> {
        read(text).map_err(|what| NoFault {
            text: text.into(),
            what,
        })
    }
}

fn read(text: &str) -> Result<Fault, &'static str> {
    let (place, what) = text.split_once('=').ok_or("WHERE=WHAT is needed")?;
    let (name, path) = match place.split_once('/') {
        Some((name, rest)) => (name, Some(format!("/{rest}"))),
        None => (place, None),
    };
    let lane = match name {
        "api" => Some(Lane::Api),
        "events" => Some(Lane::Events),
        "wait" => Some(Lane::Wait),
        "upload" => Some(Lane::Upload),
        "download" => Some(Lane::Download),
        "attributes" => Some(Lane::Attributes),
        "connection" => Some(Lane::Connection),
        _ => None,
    };
    let mut fault = match (lane, name) {
        (_, "") => return Err("nothing stands before the ="),
        (Some(lane), _) => Fault::lane(lane),
        (None, "any") => Fault::any(),
        (None, command) => Fault::command(command),
    };
    if let Some(path) = path {
        fault = fault.path(&path);
    }
    // JSON and quoted text may hold any of the signs that say how often.
    let quoted = ["set:", "add:", "header:", "redirect:", "waiturl:", "body:"];
    let end = match quoted.iter().any(|word| what.starts_with(word)) {
        true => what.rfind(['}', ']', '"']).map_or(0, |i| i + 1),
        false => 0,
    };
    let often = what
        .get(end..)
        .and_then(|rest| rest.find(['*', '%', '+']))
        .map_or(what.len(), |i| end + i);
    let (what, often) = what.split_at_checked(often).ok_or("how often?")?;
    let (word, value) = what.split_once(':').unwrap_or((what, ""));
    let bytes = || {
        value
            .parse::<u64>()
            .map_err(|_| "a number of bytes is needed")
    };
    let millis = |text: &str| {
        text.parse()
            .map(Duration::from_millis)
            .map_err(|_| "milliseconds are needed")
    };
    fault = match word {
        "lost" => fault.lose_reply(),
        "dropped" => fault.drop_before(),
        "refused" => fault.refuse(),
        "overtaken" => fault.overtaken_by(value.parse().map_err(|_| "a number is needed")?),
        "reset" => fault.lose_reply().reset(),
        "headers" => fault.headers_only(),
        "cut" => fault.cut_at(bytes()?),
        "truncate" => fault.truncate_at(bytes()?),
        "extend" => fault.extend_by(bytes()?),
        "corrupt" => fault.corrupt_at(bytes()?),
        "file" => fault.corrupt_file_at(bytes()?),
        "stall" => {
            let (at, time) = value
                .split_once(':')
                .ok_or("stall:BYTES:MILLISECONDS is needed")?;
            fault.stall_at(
                at.parse().map_err(|_| "a number of bytes is needed")?,
                millis(time)?,
            )
        }
        "delay" => fault.delay(millis(value)?),
        "html" => fault.html(),
        "twice" => fault.twice(),
        "stale" => fault.stale_body(),
        "gzip" => fault.gzip(),
        "hashcash" => fault.hashcash(value.parse().map_err(|_| "0 to 255 is needed")?),
        "expire" => fault.expire_url(),
        "logout" => fault.kill_session(),
        "forget" => fault.forget_ids(),
        "notoken" => fault.lose_token(),
        "falsetoken" => fault.false_token(),
        "noevents" => fault.drop_events(),
        "twoevents" => fault.double_events(),
        "reversed" => fault.reverse_events(),
        "late" => fault.late_events(),
        "old" => fault.old_position(),
        "edit" | "resize" => return repeated(edited(fault, word, value)?, often),
        "trickle" => {
            let (bytes, pause) = value
                .split_once(':')
                .ok_or("trickle:BYTES:MILLISECONDS is needed")?;
            let bytes = bytes.parse().map_err(|_| "a number of bytes is needed")?;
            fault.trickle(bytes, millis(pause)?)
        }
        "cutwithin" => fault.cut_within(bytes()?),
        "corruptwithin" => fault.corrupt_within(bytes()?),
        "bomb" => fault.gzip_bomb(bytes()?),
        "unknown" => fault.unknown_members(),
        "swapped" => fault.swapped_types(),
        "texts" => fault.numbers_as_text(),
        "shorter" => fault.shorter_by(value.parse().map_err(|_| "a number is needed")?),
        "longer" => fault.longer_by(value.parse().map_err(|_| "a number is needed")?),
        "tagged" => fault.dialect(true),
        "untagged" => fault.dialect(false),
        "header" => {
            let (name, value) = value.split_once(':').ok_or("header:NAME:VALUE is needed")?;
            fault.header(name, unquoted(value))
        }
        "redirect" => fault.redirect(unquoted(value)),
        "waiturl" => fault.wait_url(unquoted(value)),
        "body" => fault.body(unquoted(value).to_owned()),
        "without" => fault.without(value),
        "set" | "add" => {
            let (name, json) = value.split_once(':').ok_or("NAME:JSON is needed")?;
            match word {
                "set" => fault.replace_member(name, json),
                _ => fault.add_member(name, json),
            }
        }
        "batch" => fault.batch(value.parse().map_err(|_| "a code is needed")?),
        "509" if !value.is_empty() => {
            fault.bandwidth(value.parse().map_err(|_| "seconds are needed")?)
        }
        code if code.starts_with('-') => {
            let code = code.parse().map_err(|_| "a code is needed")?;
            match lane {
                None if name == "any" => fault.batch(code),
                Some(Lane::Api) => fault.batch(code),
                _ => fault.code(code),
            }
        }
        status => fault.status(
            status
                .parse()
                .ok()
                .filter(|s| (100..1000).contains(s))
                .ok_or("nobody knows what that is")?,
        ),
    };
    repeated(fault, often)
}

/// `edit:NAME:BLOCK:EDIT` and `resize:NAME:BYTES`.
fn edited(fault: Fault, word: &str, value: &str) -> Result<Fault, &'static str> {
    let (name, how) = value.split_once(':').ok_or("a member is needed")?;
    if word == "resize" {
        let bytes = how.parse().map_err(|_| "a number of bytes is needed")?;
        return Ok(fault.member(name, move |text| resize(text, bytes)));
    }
    let (block, edit) = how
        .split_once(':')
        .ok_or("edit:NAME:BLOCK:EDIT is needed")?;
    let block = block
        .parse()
        .map_err(|_| "the number of a block is needed")?;
    let edit = crate::service::change::edit(edit)?;
    Ok(fault.member(name, move |text| edit_block(text, block, edit)))
}

/// A text without the quotes around it.
fn unquoted(text: &str) -> &str {
    let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    inner.unwrap_or(text)
}

/// Reads `*3`, `*`, `%10` and `+2`.
fn repeated(mut fault: Fault, often: &str) -> Result<Fault, &'static str> {
    let mut rest = often;
    while let Some(sign) = rest.chars().next() {
        rest = rest.get(1..).unwrap_or_default();
        let end = rest.find(['*', '%', '+']).unwrap_or(rest.len());
        let (number, next) = rest.split_at_checked(end).ok_or("how often?")?;
        rest = next;
        let count = || number.parse().map_err(|_| "a number is needed");
        fault = match sign {
            '*' if number.is_empty() => fault.always(),
            '*' => fault.times(count()?),
            '+' => fault.skip(count()?),
            _ => {
                let percent: f64 = number.parse().map_err(|_| "per cent are needed")?;
                fault.chance(percent / 100.0)
            }
        };
    }
    Ok(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_say_where_what_and_how_often() {
        let same = |text: &str, fault: Fault| {
            let read: Fault = text.parse().unwrap();
            assert_eq!(format!("{read:?}"), format!("{fault:?}"), "{text}");
        };
        same("p=-17", Fault::command("p").code(-17));
        same("any=-3*2", Fault::any().batch(-3).times(2));
        same("api=-4", Fault::lane(Lane::Api).batch(-4));
        same("events=-6", Fault::lane(Lane::Events).code(-6));
        same("any=500%10", Fault::any().status(500).chance(0.1));
        same("download=509:60", Fault::lane(Lane::Download).bandwidth(60));
        same(
            "upload/131072=-4+1",
            Fault::lane(Lane::Upload).path("/131072").code(-4).skip(1),
        );
        same("m=lost*", Fault::command("m").lose_reply().always());
        same(
            "download=stall:10:500",
            Fault::lane(Lane::Download).stall_at(10, Duration::from_millis(500)),
        );
        same(
            "events=waiturl:\"http://x/%2B*1\"*2",
            Fault::lane(Lane::Events)
                .wait_url("http://x/%2B*1")
                .times(2),
        );
        same("any=body:\"{}+\"", Fault::any().body("{}+"));
        same(
            "cs=header:X-Y:\"a+b\"%50",
            Fault::command("cs").header("X-Y", "a+b").chance(0.5),
        );
        same(
            "download=trickle:10:5",
            Fault::lane(Lane::Download).trickle(10, Duration::from_millis(5)),
        );
        same(
            "connection=refused*3",
            Fault::connection().refuse().times(3),
        );
        same("p=overtaken:2", Fault::command("p").overtaken_by(2));
        same("f=longer:2+1", Fault::command("f").longer_by(2).skip(1));
        same("p=tagged", Fault::command("p").dialect(true));
        let edit: Fault = "us=edit:privk:3:swap:4*2".parse().unwrap();
        assert!(format!("{edit:?}").contains("times: Some(2)"), "{edit:?}");
        same(
            "g=add:e:-17*2",
            Fault::command("g").add_member("e", "-17").times(2),
        );
        same("g=set:s:-1", Fault::command("g").replace_member("s", "-1"));
        same(
            r#"us=set:u:"a+b"*2"#,
            Fault::command("us")
                .replace_member("u", r#""a+b""#)
                .times(2),
        );
    }

    #[test]
    fn what_is_no_fault_is_refused() {
        for text in [
            "",
            "p",
            "=5",
            "p=",
            "p=what",
            "p=cut",
            "p=cut:x",
            "p=-x",
            "p=-3*x",
            "p=99",
            "p=stall:5",
            "p=edit:privk",
            "p=edit:privk:0:melt",
            "p=edit:privk:x:zero",
            "p=resize:k:x",
            "p=overtaken",
            "p=trickle:1",
            "p=header:x",
        ] {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
    }
}
