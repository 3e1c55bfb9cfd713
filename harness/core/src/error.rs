//! The one error type of core, and what each error means for the exit code.

#[cfg(feature = "compute")]
use crate::data::DataError;
use crate::stats::StatsError;
use crate::yaml::YamlError;

/// A result whose error is [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in words for the person who can act on it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something the user typed or wrote: an unknown name, a wrong type, an impossible value.
    #[error("{0}")]
    Input(String),
    /// Something the machine lacks or refuses: disk, permission, device, network.
    #[error("{0}")]
    Environment(String),
    /// The work itself failed: a trial, a check, a judgement.
    #[error("{0}")]
    Failed(String),
    /// A YAML document that cannot be read or says something impossible.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// A data set that cannot be had or read.
    #[cfg(feature = "compute")]
    #[error(transparent)]
    Data(#[from] DataError),
    /// A statistic that is not defined for its values.
    #[error(transparent)]
    Stats(#[from] StatsError),
    /// The results that a claim or figure needs are not there.
    #[error("{0}")]
    Missing(String),
    /// A value that is needed for a comparison is NaN or infinite.
    #[error("{0}")]
    Diverged(String),
    /// The trial declined to run, with its reason.
    #[error("skipped: {0}")]
    Skipped(String),
    /// The run was interrupted.
    #[error("cancelled")]
    Cancelled,
}

/// The exit code that an error leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Exit code 1: something failed.
    Failed,
    /// Exit code 2: bad usage or input.
    Input,
    /// Exit code 3: the environment.
    Environment,
}

impl Error {
    /// The class of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Input(_) | Error::Yaml(_) => ErrorKind::Input,
            Error::Environment(_) => ErrorKind::Environment,
            #[cfg(feature = "compute")]
            Error::Data(error) if error.is_environment() => ErrorKind::Environment,
            #[cfg(feature = "compute")]
            Error::Data(_) => ErrorKind::Input,
            _ => ErrorKind::Failed,
        }
    }
}
