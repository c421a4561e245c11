//! Why a command cannot do its work: wrong usage, wrong input, or a file system that refuses.

use std::fmt;

/// A problem that ends a command with [`super::Exit::BadInput`].
#[derive(Debug)]
pub(super) struct Problem {
    message: String,
    help: Option<String>,
}

impl Problem {
    /// A problem, in words that begin in lower case and end without a full stop.
    pub(super) fn new(message: impl Into<String>) -> Problem {
        Problem { message: message.into(), help: None }
    }

    /// What to do about it.
    pub(super) fn help(self, help: impl Into<String>) -> Problem {
        Problem { help: Some(help.into()), ..self }
    }

    /// A problem of which the library has already said everything.
    pub(super) fn told(error: &dyn fmt::Display) -> Problem {
        let text = error.to_string();
        Problem::new(text.strip_prefix("error: ").unwrap_or(&text))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n  = help: {help}"),
            None => Ok(()),
        }
    }
}
