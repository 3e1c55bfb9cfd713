//! Whether the verdicts keep what they promise: every kind of test on many made-up experiments whose truth is known.
//!
//! An experiment is drawn, becomes records, and is judged by the very code that judges papers. Three questions are asked
//! of each kind of test, number of seeds and shape of the noise: how often is a claim `reproduced` that is just not true,
//! how often does the interval cover the true effect, and how often is an effect found that is as large as *detectable*
//! says.
//!
//! | module | what is inside |
//! | --- | --- |
//! | `draw` | shapes of noise, and experiments as records |
//! | `kinds` | the tests, with what is true in their experiments |
//! | `table` | the results as Markdown |

mod draw;
mod kinds;
mod table;

use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use rayon::prelude::*;
use serde::Serialize;

pub use draw::Shape;
pub use kinds::Kind;
pub use table::markdown;

/// Numbers of seeds that are tried.
pub const SEEDS: [usize; 3] = [3, 5, 10];

/// Experiments per row where nothing else is asked for.
pub const DRAWS: usize = 4000;

/// What was found for one kind of test, number of seeds and shape of noise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The kind of test.
    pub kind: Kind,
    /// Number of seeds.
    pub n: usize,
    /// Shape of the noise.
    pub shape: Shape,
    /// Experiments drawn under each truth.
    pub draws: usize,
    /// Share of `reproduced` where the claim is just not true.
    pub false_reproduced: f64,
    /// Share of `contradicted` in the same experiments.
    pub false_contradicted: f64,
    /// Share of intervals that cover the true effect, where the test has an interval of a known effect.
    pub coverage: Option<f64>,
    /// Share of `reproduced` where the true effect is as large as *detectable* says, which promises 80 %.
    pub power: Option<f64>,
    /// Mean number of seeds used: under the first truth, and under the second.
    pub seeds: Option<(f64, f64)>,
}

/// The largest share of false `reproduced` that a test may have: its nominal level.
pub fn nominal(kind: Kind) -> f64 {
    match kind {
        // Two one-sided tests at 5 % each, of which the claim needs both.
        Kind::Equivalence => 0.05,
        // A two-sided test at 5 %, of which half points the claimed way.
        _ => 0.025,
    }
}

/// Three standard errors of a share among so many experiments.
pub fn monte_carlo_error(share: f64, draws: usize) -> f64 {
    3.0 * (share * (1.0 - share) / draws as f64).sqrt()
}

/// Runs the simulation. The same number of draws gives the same rows on every machine and with any number of threads.
pub fn simulate(draws: usize) -> Vec<Row> {
    let mut places = Vec::new();
    for kind in Kind::ALL {
        for n in SEEDS {
            for shape in Shape::ALL {
                if kind.tries(shape) {
                    places.push((kind, n, shape));
                }
            }
        }
    }
    places.into_par_iter().map(|(kind, n, shape)| row(kind, n, shape, draws)).collect()
}

fn row(kind: Kind, n: usize, shape: Shape, draws: usize) -> Row {
    let draws = draws / kind.cost();
    let place = ((kind as u64) << 32) | ((shape as u64) << 16) | n as u64;
    let mut rng = ChaCha12Rng::seed_from_u64(place);
    let count = |holds: usize| holds as f64 / draws as f64;
    let (mut reproduced, mut contradicted, mut covered, mut intervals, mut found) = (0, 0, 0, 0, 0);
    let (mut used_null, mut used_true) = (0, 0);
    for _ in 0..draws {
        let outcome = kind.experiment(n, shape, false, &mut rng);
        reproduced += usize::from(outcome.reproduced);
        contradicted += usize::from(outcome.contradicted);
        used_null += outcome.seeds;
        if let Some(covers) = outcome.covers {
            intervals += 1;
            covered += usize::from(covers);
        }
        let outcome = kind.experiment(n, shape, true, &mut rng);
        found += usize::from(outcome.reproduced);
        used_true += outcome.seeds;
    }
    Row {
        kind,
        n,
        shape,
        draws,
        false_reproduced: count(reproduced),
        false_contradicted: count(contradicted),
        coverage: (intervals > 0).then(|| covered as f64 / intervals as f64),
        power: kind.states_power(n).then(|| count(found)),
        seeds: (kind == Kind::UntilDecided).then(|| (count(used_null), count(used_true))),
    }
}
