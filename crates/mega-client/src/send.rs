//! Sending commands so that their effect is in the local tree when the call returns.

use mega_protocol::{Answer, Command, Effect, Error as WireError, ErrorKind as WireErrorKind};

use crate::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::intents::unknown_command;

impl Client {
    /// Sends a command and gives its reply. For reads, and for changes that the tree does not show.
    pub(crate) async fn ask<C>(&self, command: C) -> Result<C::Reply>
    where
        C: Command + Send + Sync + 'static,
        C::Reply: Send + 'static,
    {
        Ok(self.answered(&command).await?.reply)
    }

    /// Sends a command. When the service does not know the session any more, and the caller has given the means to open another one, it is sent
    /// once more in the new name: a request that is refused for its session has had no effect. Unless it is a change that was sent before: the first
    /// copy may have been carried out while the session still lived, and under another id the service would not know it again (INV-2). That one
    /// is not sent again, and the refusal says so.
    ///
    /// Cancel safety: as for the command; a renewal that is dropped may leave a session open on the service.
    pub(crate) async fn answered<C>(
        &self,
        command: &C,
    ) -> std::result::Result<Answer<C::Reply>, Failure>
    where
        C: Command + Send + Sync + 'static,
        C::Reply: Send + 'static,
    {
        let session = self.session_in_use();
        let again = |error: &WireError| {
            let repeated = matches!(error, WireError::Refused(refusal) if refusal.repeated);
            error.kind() == WireErrorKind::SessionExpired
                && !(repeated && command.effect() == Effect::Mutation)
        };
        match (self.send_once(command).await, session) {
            (Err(error), Some(dead)) if again(&error) => match self.renewed(&dead).await {
                Ok(true) => Ok(self.send_once(command).await?),
                Ok(false) => Err(error.into()),
                Err(error) => Err(Failure::Renewal(error)),
            },
            (result, _) => Ok(result?),
        }
    }

    /// Sends a command. When nobody knows what became of it, that is noted before the caller hears of it.
    async fn send_once<C>(&self, command: &C) -> std::result::Result<Answer<C::Reply>, WireError>
    where
        C: Command + Send + Sync + 'static,
        C::Reply: Send + 'static,
    {
        let answer = self.api().send(command).await;
        if let Err(error) = &answer {
            self.is_unknown(unknown_command(error));
        }
        answer
    }

    /// Sends a command that changes nodes and waits until the change has reached the local tree (architecture, decision 4).
    ///
    /// [`OutcomeUnknown`](ErrorKind::OutcomeUnknown) is all that can be said when the service has answered and the tree cannot be
    /// brought up to date, and when a request that was sent before is refused: its first copy may have done what the second
    /// finds done (a token that is used up, a node that is gone). An up-to-date tree tells, see [`refused_after_all`].
    ///
    /// Cancel safety: the command is not withdrawn once it has left; its effect arrives with the next refresh.
    pub(crate) async fn change<C>(&self, command: C) -> Result<C::Reply>
    where
        C: Command + Send + Sync + 'static,
        C::Reply: Send + 'static,
    {
        Ok(self.change_answered(command).await?.reply)
    }

    /// As [`change`](Self::change), with everything that is known of the answer.
    pub(crate) async fn change_answered<C>(&self, command: C) -> Result<Answer<C::Reply>>
    where
        C: Command + Send + Sync + 'static,
        C::Reply: Send + 'static,
    {
        // Until this returns the change stays noted: see `crate::intents`.
        let _call = self.begin_change().await?;
        let answer: Answer<C::Reply> = match self.answered(&command).await {
            Ok(answer) => answer,
            Err(Failure::Wire(WireError::Refused(refusal))) if refusal.repeated => {
                let error = Error::from(WireError::Refused(refusal));
                let text = "the service refuses a request that it may have carried out before";
                return Err(Error::new(ErrorKind::OutcomeUnknown, text).caused_by(error));
            }
            Err(error) => return Err(error.into()),
        };
        self.settle(answer.tag.as_ref())
            .await
            .map_err(Error::although_done)?;
        Ok(answer)
    }
}

/// Why there is no answer.
pub(crate) enum Failure {
    Wire(WireError),
    /// The session had ended, and no other could be opened.
    Renewal(Error),
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Wire(error) => error.into(),
            Failure::Renewal(error) => error,
        }
    }
}

/// What an unknown outcome comes to when the tree is up to date and shows no effect: if there was a refusal, that is it.
pub(crate) fn refused_after_all(unknown: Error) -> Error {
    match unknown.into_cause::<Error>() {
        Ok(cause) if cause.code().is_some() => cause,
        Ok(cause) => Error::new(
            ErrorKind::OutcomeUnknown,
            "whether it was done is not known",
        )
        .caused_by(cause),
        Err(unknown) => unknown,
    }
}
