//! Who was trained when, with what, and who copied whom.

use harness_core::number::Number;
use harness_core::weights::Weights;
use harness_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// The state of a member that another took over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copied {
    /// Index of the source.
    pub member: usize,
    /// Turns that the source had taken.
    pub turn: usize,
    /// Whether its weights were taken.
    pub weights: bool,
    /// Whether its hyper-parameters were taken.
    pub hyper: bool,
}

/// A turn of a member: training, evaluation, and perhaps a copy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// Index of the member.
    pub member: usize,
    /// Which of its turns, from 1.
    pub turn: usize,
    /// The hyper-parameters that it was trained with.
    pub hyper: Vec<f64>,
    /// Its performance after training; −∞ where it diverged.
    pub performance: Number,
    /// What it took over after that.
    pub copied: Option<Copied>,
}

/// All turns of a population, in the order in which they were taken.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lineage(pub Vec<Turn>);

impl Lineage {
    fn find(&self, member: usize, turn: usize) -> Option<&Turn> {
        self.0.iter().find(|one| (one.member, one.turn) == (member, turn))
    }

    /// The turns that trained the weights which `member` had after its turn `turn`, the first one first. Where it copied
    /// weights, its own turns before that do not count: they trained weights that are gone.
    pub fn ancestry(&self, member: usize, turn: usize) -> Vec<&Turn> {
        let mut path = Vec::new();
        let (mut member, mut turn) = (member, turn);
        while let Some(found) = self.find(member, turn) {
            match found.copied.filter(|copied| copied.weights) {
                Some(copied) => (member, turn) = (copied.member, copied.turn),
                None => {
                    path.push(found);
                    turn -= 1;
                }
            }
        }
        path.reverse();
        path
    }

    /// The member whose initial weights those of `member` after its turn `turn` descend from.
    pub fn founder(&self, member: usize, turn: usize) -> usize {
        self.ancestry(member, turn).first().map_or(member, |first| first.member)
    }

    /// The hyper-parameters along the ancestry of a member's weights, turn by turn: the schedule that was found.
    pub fn schedule(&self, member: usize, turn: usize) -> Vec<Vec<f64>> {
        self.ancestry(member, turn).into_iter().map(|one| one.hyper.clone()).collect()
    }

    /// Keeps the lineage among the weights of a stage, in single precision.
    pub fn keep(&self, kept: &mut Weights) {
        let hypers = self.0.first().map_or(0, |turn| turn.hyper.len());
        let rows: Vec<f32> = self
            .0
            .iter()
            .flat_map(|turn| {
                let copied = turn.copied.map_or([-1.0, 0.0, 0.0, 0.0], |copied| {
                    let switch = |on: bool| f64::from(u8::from(on));
                    [copied.member as f64, copied.turn as f64, switch(copied.weights), switch(copied.hyper)]
                });
                [turn.member as f64, turn.turn as f64, turn.performance.0]
                    .into_iter()
                    .chain(copied)
                    .chain(turn.hyper.iter().copied())
                    .map(|value| value as f32)
                    .collect::<Vec<f32>>()
            })
            .collect();
        kept.put_floats("lineage", &[self.0.len(), FIXED + hypers], rows);
    }

    /// Reads what [`Lineage::keep`] kept.
    ///
    /// # Errors
    /// [`Error::Failed`] where there is none, or its rows have another length.
    pub fn kept(kept: &Weights, hypers: usize) -> Result<Self> {
        let rows = kept.floats("lineage")?;
        let width = FIXED + hypers;
        if !rows.len().is_multiple_of(width) {
            return Err(Error::Failed(format!("a stored lineage does not have rows of {width} numbers")));
        }
        let turns = rows
            .chunks_exact(width)
            .map(|row| {
                let copied = (row[3] >= 0.0).then(|| Copied {
                    member: row[3] as usize,
                    turn: row[4] as usize,
                    weights: row[5] != 0.0,
                    hyper: row[6] != 0.0,
                });
                Turn {
                    member: row[0] as usize,
                    turn: row[1] as usize,
                    hyper: row[FIXED..].iter().map(|value| f64::from(*value)).collect(),
                    performance: Number(f64::from(row[2])),
                    copied,
                }
            })
            .collect();
        Ok(Lineage(turns))
    }
}

/// Numbers of a stored row before the hyper-parameters.
const FIXED: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(member: usize, turn: usize, hyper: f64, copied: Option<(usize, usize, bool)>) -> Turn {
        let copied = copied.map(|(member, turn, weights)| Copied { member, turn, weights, hyper: true });
        Turn { member, turn, hyper: vec![hyper], performance: Number(hyper), copied }
    }

    /// Member 1 copies member 0 after its first turn, and member 2 copies that of member 1 after its second.
    fn lineage() -> Lineage {
        Lineage(vec![
            turn(0, 1, 0.0, None),
            turn(1, 1, 1.0, Some((0, 1, true))),
            turn(2, 1, 2.0, Some((1, 1, false))),
            turn(1, 2, 3.0, None),
            turn(0, 2, 4.0, None),
            turn(2, 2, 5.0, Some((1, 2, true))),
            turn(2, 3, 6.0, None),
        ])
    }

    #[test]
    fn the_schedule_follows_the_weights_through_every_copy() {
        let lineage = lineage();
        assert_eq!(lineage.schedule(2, 3), [[0.0], [3.0], [6.0]]);
        assert_eq!(lineage.founder(2, 3), 0);
        assert_eq!(lineage.schedule(2, 1), [[2.0]], "a copy of hyper-parameters alone changes no ancestor");
        assert_eq!(lineage.founder(2, 1), 2);
        assert!(lineage.schedule(1, 0).is_empty());
    }

    #[test]
    fn a_stage_keeps_the_lineage() {
        let mut lineage = lineage();
        lineage.0[3].performance = Number(f64::NEG_INFINITY);
        let mut kept = Weights::new();
        lineage.keep(&mut kept);
        assert_eq!(Lineage::kept(&kept, 1).unwrap(), lineage);
        assert!(Lineage::kept(&kept, 2).is_err());
    }
}
