//! Named random streams: the only source of randomness that matters to a result.
//!
//! A stream is ChaCha12 seeded with SHA-256 over (paper, stream name, seed). The arm and the cell are not part of
//! it, so that all arms of a seed see the same data split, initial weights, batch order and noise.

use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use sha2::{Digest, Sha256};

/// The generator that every stream uses.
pub type Stream = ChaCha12Rng;

/// Opens the stream `name` of `paper` for `seed`, at its beginning.
///
/// ```
/// use rand::Rng;
/// let mut first = harness_core::rng::stream("z_loss", "init", 3);
/// let mut again = harness_core::rng::stream("z_loss", "init", 3);
/// let mut other = harness_core::rng::stream("z_loss", "batches", 3);
/// let draw = first.next_u64();
/// assert_eq!(draw, again.next_u64());
/// assert_ne!(draw, other.next_u64());
/// ```
pub fn stream(paper: &str, name: &str, seed: u64) -> Stream {
    let mut hash = Sha256::new();
    // Lengths keep ("ab", "c") and ("a", "bc") apart.
    for part in [paper, name] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.update(seed.to_le_bytes());
    ChaCha12Rng::from_seed(hash.finalize().into())
}
