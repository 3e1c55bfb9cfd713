//! An error as the user sees it, and its exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use harness_core::data::DataError;
use harness_core::{Error, ErrorKind};

use crate::store::StoreError;

/// Why a command ended early.
#[derive(Debug)]
pub enum Failure {
    /// Something to tell, and the exit code.
    Told {
        /// What went wrong and what to do.
        message: String,
        /// 1, 2 or 3.
        code: u8,
    },
    /// Nobody reads the output any more.
    ClosedPipe,
}

impl Failure {
    /// Something failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Failure::Told { message: message.into(), code: 1 }
    }

    /// Bad usage or input.
    pub fn input(message: impl Into<String>) -> Self {
        Failure::Told { message: message.into(), code: 2 }
    }

    /// The environment.
    pub fn environment(message: impl Into<String>) -> Self {
        Failure::Told { message: message.into(), code: 3 }
    }

    /// Says it on standard error.
    pub fn report(self) -> ExitCode {
        match self {
            Failure::ClosedPipe => ExitCode::SUCCESS,
            Failure::Told { message, code } => {
                let style = anstyle::AnsiColor::Red.on_default().bold();
                let _ = writeln!(anstream::stderr(), "{style}error{style:#}: {message}");
                ExitCode::from(code)
            }
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match error.kind() {
            ErrorKind::Failed => 1,
            ErrorKind::Input => 2,
            ErrorKind::Environment => 3,
        };
        Failure::Told { message: error.to_string(), code }
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Error::from(error).into()
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
            _ => Failure::environment(error.to_string()),
        }
    }
}
