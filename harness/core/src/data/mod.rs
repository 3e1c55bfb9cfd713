//! Data sets: what exists ([`Registry`]), how it gets here ([`Fetcher`]), and how its bytes become numbers.
//!
//! | concept | where |
//! | --- | --- |
//! | which sets exist, with digests, licences and citations | [`Registry`], [`DataSet`], [`DataFile`] |
//! | fetching with verification | [`Fetcher`], [`FetchOptions`], [`Mirror`] |
//! | a verified set on disk | [`CachedSet`], [`CachedFile`], [`FileStatus`] |
//! | file formats | [`idx`], [`cifar`], [`text`], [`csv`], [`npz`], [`archive`] |
//! | whole sets as arrays and tokens | [`load`] |
//!
//! Readers never trust a header: a count is compared with the bytes that are there before anything is allocated, and a
//! fault is a [`DataError`] with its byte offset or line, never a panic.

mod atomic;
mod cache;
mod digest;
mod error;
mod fetch;
mod http;
mod images;
mod options;
mod registry;

pub mod archive;
pub mod cifar;
pub mod csv;
pub mod idx;
pub mod load;
pub mod npz;
pub mod text;

pub use cache::{CachedFile, CachedSet, FileState, FileStatus, Form};
pub use error::{Attempt, DataError, Unavailable};
pub use fetch::Fetcher;
pub use images::{Images, LabelledImages, Labels};
pub use options::{FetchOptions, Mirror, OnProgress, Progress};
pub use registry::{DataFile, DataSet, Registry, UrlServes};
