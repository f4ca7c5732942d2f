//! `/test/`: what tests in other languages ask and change while the server runs.

use std::time::Duration;

use super::{Call, Reply, Service};
use crate::fault::Fault;
use crate::json::{Json, Object};

impl Service {
    /// The answer to a request below `/test/`; `None` when that is not served.
    pub(super) fn control(&self, call: &Call) -> Option<Reply> {
        let name = call.path.strip_prefix("/test/")?;
        if !self.lock().options.control {
            return None;
        }
        let text = String::from_utf8_lossy(&call.body);
        let done = match (call.method.as_str(), name) {
            ("GET", "journal") => return Some(Reply::text(self.journal_text())),
            ("POST", "journal") => {
                self.clear_journal();
                Ok(())
            }
            ("GET", "mails") => return Some(Reply::text(self.mails_text())),
            ("GET", "violations") => return Some(Reply::text(self.violations_text())),
            ("POST", "change") => match self.with_model(|m| super::change::all(m, &text)) {
                Ok(done) => return Some(Reply::text(done)),
                Err(message) => Err(message),
            },
            ("POST", "faults") => self.add_faults(&text),
            ("POST", "clock") => text
                .trim()
                .parse()
                .map(|seconds: i64| {
                    let by = Duration::from_secs(seconds.unsigned_abs());
                    match seconds < 0 {
                        true => self.clock().rewind(by),
                        false => self.clock().advance(by),
                    }
                })
                .map_err(|_| format!("{text:?} is no number of seconds")),
            ("POST", "account") => crate::account::spec::add(self, text.trim()),
            _ => return None,
        };
        Some(match done {
            Ok(()) => Reply::text("0"),
            Err(message) => {
                let mut reply = Reply::text(message);
                reply.status = 400;
                reply
            }
        })
    }

    /// Adds all faults of a text, or none of them.
    fn add_faults(&self, text: &str) -> Result<(), String> {
        let lines = text.lines().filter(|l| !l.trim().is_empty());
        let faults: Vec<Fault> = lines
            .map(|line| line.trim().parse())
            .collect::<Result<_, _>>()
            .map_err(|e: crate::fault::NoFault| e.to_string())?;
        if faults.is_empty() {
            self.faults().clear();
        }
        faults.into_iter().for_each(|f| self.faults().add(f));
        Ok(())
    }

    fn journal_text(&self) -> String {
        let entries = self.journal().into_iter().map(|entry| {
            let texts =
                |list: Vec<String>| -> Vec<Json> { list.into_iter().map(Json::from).collect() };
            Json::from(
                Object::new()
                    .with("number", entry.number)
                    .with("millis", entry.millis)
                    .with("lane", format!("{:?}", entry.lane).to_lowercase())
                    .with("method", entry.method)
                    .with("path", entry.path)
                    .maybe("id", entry.id)
                    .with("session", entry.with_session)
                    .maybe("link", entry.link)
                    .with("commands", texts(entry.commands))
                    .with("request_bytes", entry.request_bytes)
                    .with("response_bytes", entry.response_bytes)
                    .with("status", i64::from(entry.status))
                    .with("repeated", entry.repeated)
                    .with("faults", texts(entry.faults)),
            )
        });
        Json::Array(entries.collect()).text()
    }

    fn violations_text(&self) -> String {
        let wrong = self.with_model(|model| model.violations());
        Json::Array(wrong.into_iter().map(Json::from).collect()).text()
    }

    fn mails_text(&self) -> String {
        self.with_model(|model| {
            let mails = model.mails.iter().map(|mail| {
                Json::from(
                    Object::new()
                        .with("to", mail.to.clone())
                        .with("purpose", format!("{:?}", mail.purpose).to_lowercase())
                        .with("code", mail.code.clone()),
                )
            });
            Json::Array(mails.collect()).text()
        })
    }
}
