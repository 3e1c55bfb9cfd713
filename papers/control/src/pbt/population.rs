//! The population: asynchronous training of members that copy each other.

use harness_core::number::Number;
use harness_core::rng::Stream;
use harness_core::{Error, Result};
use rand::RngExt;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use super::hyper::Space;
use super::lineage::{Copied, Lineage, Turn};
use super::member::Member;
use super::selection::{binary_tournament, t_test, truncation_selection};

/// How a member that is ready finds one to copy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Exploit {
    /// It does not.
    None,
    /// If it is among the worst, it copies one of the best.
    Truncation {
        /// Share of the population at either end.
        fraction: f64,
    },
    /// It copies an opponent drawn at random if that one is better.
    Tournament,
    /// It copies an opponent drawn at random if that one is significantly better.
    TTest {
        /// Level of the test.
        alpha: f64,
        /// How many of the latest measurements are compared, at most.
        measurements: usize,
    },
}

/// How hyper-parameters change after that.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Explore {
    /// Not at all.
    None,
    /// They are perturbed.
    Perturb,
    /// Some are drawn anew.
    Resample {
        /// The probability of each.
        probability: f64,
    },
}

/// The rules of a population.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Turns of each member.
    pub turns: usize,
    /// Turns after which a member is ready to copy.
    pub ready_every: usize,
    /// Who is copied.
    pub exploit: Exploit,
    /// Whether weights and the state of the optimiser are copied.
    pub copy_weights: bool,
    /// Whether hyper-parameters are copied.
    pub copy_hyper: bool,
    /// What happens to hyper-parameters then; without any copy, to the member's own.
    pub explore: Explore,
    /// Turns after which the worse half of the members stops (successive halving).
    pub halve_after: Vec<usize>,
}

/// A member with what the population knows of it.
#[derive(Debug, Clone)]
struct Seat<M> {
    member: M,
    standing: Standing,
}

/// What the population knows of a member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Standing {
    hyper: Vec<f64>,
    turns: usize,
    since_ready: usize,
    /// What the others see: absent before the first evaluation.
    performance: Option<Number>,
    /// All measurements of its weights so far, the latest last.
    measurements: Vec<Number>,
    stopped: bool,
}

/// What a checkpoint keeps of a population. Streams have names, so no position has to be kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PopulationState<S> {
    rounds: usize,
    members: Vec<(Standing, S)>,
    lineage: Lineage,
}

/// A population in training.
///
/// **Definition.** In every round each member takes one turn, in an order drawn anew: it is trained, evaluated and
/// published; every `ready_every` turns it then looks at what the others have published, may copy one (exploit), and
/// changes its hyper-parameters if it did (explore). Nobody waits: whoever comes early in a round sees the others as the
/// round before left them. After its last turn a member copies nobody, as nothing would be trained any more.
///
/// **Paper.** Algorithm 1.
///
/// **Differences.** Members take their turns in one process. Every random draw comes from a stream that is named after
/// its purpose, member and turn, so that a population depends on its seed alone. Performance after a copy of weights is
/// that of the source, whose evaluation it would repeat; its measurements are taken over with it. A member that was never
/// evaluated is not copied.
///
/// **Errors.** [`Error::Input`] for no member, hyper-parameters of another number, impossible rules; those of the members.
///
/// **Example.** Two members on the toy problem:
/// ```
/// use harness_core::rng;
/// use papers_control::pbt::{Exploit, Explore, Population, Rules, ToyMember, toy_space};
/// let rules = Rules {
///     turns: 25,
///     ready_every: 1,
///     exploit: Exploit::Truncation { fraction: 0.25 },
///     copy_weights: true,
///     copy_hyper: true,
///     explore: Explore::Perturb,
///     halve_after: Vec::new(),
/// };
/// let members = vec![(ToyMember::new([0.9, 0.9], 0.01, 4), vec![0.0, 1.0]), (ToyMember::new([0.9, 0.9], 0.01, 4), vec![1.0, 0.0])];
/// let mut population = Population::new(members, toy_space(0.1), rules)?;
/// for _ in 0..25 {
///     population.round(&|name| rng::stream("example", name, 0))?;
/// }
/// assert!(population.best().is_some_and(|(_, performance)| performance > 0.39));
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Population<M> {
    seats: Vec<Seat<M>>,
    space: Space,
    rules: Rules,
    rounds: usize,
    lineage: Lineage,
}

impl<M: Member> Population<M> {
    /// A population before its first round.
    ///
    /// # Errors
    /// [`Error::Input`] for no member, hyper-parameters of another number, impossible rules.
    pub fn new(members: Vec<(M, Vec<f64>)>, space: Space, rules: Rules) -> Result<Self> {
        rules.check()?;
        space.check()?;
        if members.is_empty() {
            return Err(Error::Input("a population needs at least one member".into()));
        }
        if members.iter().any(|(_, hyper)| hyper.len() != space.hypers.len()) {
            return Err(Error::Input(format!("each member needs {} hyper-parameters", space.hypers.len())));
        }
        let seats = members
            .into_iter()
            .map(|(member, hyper)| Seat {
                member,
                standing: Standing {
                    hyper,
                    turns: 0,
                    since_ready: 0,
                    performance: None,
                    measurements: Vec::new(),
                    stopped: false,
                },
            })
            .collect();
        Ok(Population { seats, space, rules, rounds: 0, lineage: Lineage::default() })
    }

    /// Rounds taken.
    pub fn rounds(&self) -> usize {
        self.rounds
    }

    /// What happened so far.
    pub fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// The members.
    pub fn members(&self) -> impl Iterator<Item = &M> {
        self.seats.iter().map(|seat| &seat.member)
    }

    /// A member.
    pub fn member_mut(&mut self, index: usize) -> Option<&mut M> {
        self.seats.get_mut(index).map(|seat| &mut seat.member)
    }

    /// Members that were not stopped.
    pub fn active(&self) -> usize {
        self.seats.iter().filter(|seat| !seat.standing.stopped).count()
    }

    /// Turns that a member has taken.
    pub fn turns(&self, member: usize) -> usize {
        self.seats.get(member).map_or(0, |seat| seat.standing.turns)
    }

    /// The member that is in training and performs best as published, the earlier one among equals; `None` before the
    /// first evaluation.
    pub fn best(&self) -> Option<(usize, f64)> {
        let mut best: Option<(usize, f64)> = None;
        for (index, seat) in self.seats.iter().enumerate().filter(|(_, seat)| !seat.standing.stopped) {
            if let Some(Number(performance)) = seat.standing.performance
                && best.is_none_or(|(_, leader)| performance > leader)
            {
                best = Some((index, performance));
            }
        }
        best
    }

    /// Gives all members these hyper-parameters, such as the next values of a schedule that is replayed.
    pub fn set_hyper(&mut self, hyper: &[f64]) {
        for seat in &mut self.seats {
            seat.standing.hyper = hyper.to_vec();
        }
    }

    /// Lets each member that is in training take one turn, in an order drawn from the stream `order, round <n>`.
    ///
    /// # Errors
    /// Those of the members.
    pub fn round(&mut self, streams: &dyn Fn(&str) -> Stream) -> Result<()> {
        let mut order: Vec<usize> =
            (0..self.seats.len()).filter(|index| !self.seats[*index].standing.stopped).collect();
        order.shuffle(&mut streams(&format!("order, round {}", self.rounds)));
        for index in order {
            self.turn(index, streams)?;
        }
        self.rounds += 1;
        if self.rules.halve_after.contains(&self.rounds) {
            self.halve();
        }
        Ok(())
    }

    fn turn(&mut self, index: usize, streams: &dyn Fn(&str) -> Stream) -> Result<()> {
        let Seat { member, standing } = &mut self.seats[index];
        let turn = standing.turns;
        let stream = |purpose: &str| streams(&format!("{purpose}, member {index}, turn {turn}"));
        member.train(&standing.hyper, &mut stream("training"))?;
        let evaluation = member.evaluate()?;
        standing.turns += 1;
        standing.since_ready += 1;
        let performance = if evaluation.performance.is_finite() { evaluation.performance } else { f64::NEG_INFINITY };
        standing.performance = Some(Number(performance));
        standing.measurements.extend(evaluation.samples.into_iter().map(Number));
        let taken = standing.turns;
        let mut record = Turn {
            member: index,
            turn: taken,
            hyper: standing.hyper.clone(),
            performance: Number(performance),
            copied: None,
        };
        if standing.since_ready >= self.rules.ready_every && taken < self.rules.turns {
            standing.since_ready = 0;
            if let Some(source) = self.exploit(index, &mut stream("exploit"))? {
                record.copied = self.copy(index, source);
                self.explore(index, &mut stream("explore"))?;
            }
        }
        self.lineage.0.push(record);
        Ok(())
    }

    /// The member that `index` copies, by what is published now.
    fn exploit(&self, index: usize, rng: &mut Stream) -> Result<Option<usize>> {
        let rivals: Vec<usize> = (0..self.seats.len()).filter(|at| !self.seats[*at].standing.stopped).collect();
        let (Some(own), true) = (rivals.iter().position(|at| *at == index), rivals.len() > 1) else {
            return Ok(None);
        };
        let published = |at: &usize| self.seats[*at].standing.performance.map_or(f64::NEG_INFINITY, |one| one.0);
        let performance: Vec<f64> = rivals.iter().map(published).collect();
        // An opponent among the others, each as likely as the next.
        let mut opponent = || {
            let drawn = rng.random_range(0..rivals.len() - 1);
            if drawn < own { drawn } else { drawn + 1 }
        };
        let source = match self.rules.exploit {
            Exploit::None => own,
            Exploit::Truncation { fraction } => {
                let mut draw = vec![0; rivals.len()];
                draw[own] = rng.random();
                truncation_selection(&performance, &draw, fraction)?[own]
            }
            Exploit::Tournament => {
                let mut opponents: Vec<usize> = (0..rivals.len()).collect();
                opponents[own] = opponent();
                binary_tournament(&performance, &opponents)?[own]
            }
            Exploit::TTest { alpha, measurements } => {
                let other = opponent();
                let (mine, theirs) = (self.latest(rivals[own], measurements), self.latest(rivals[other], measurements));
                let enough = mine.len() >= 2 && theirs.len() >= 2;
                if enough && t_test(&mine, &theirs, alpha)?.copy { other } else { own }
            }
        };
        let copies = source != own && self.seats[rivals[source]].standing.performance.is_some();
        Ok(copies.then(|| rivals[source]))
    }

    /// The latest finite measurements of a member.
    fn latest(&self, index: usize, count: usize) -> Vec<f64> {
        let all = &self.seats[index].standing.measurements;
        let finite = all.iter().map(|one| one.0).filter(|value| value.is_finite());
        let finite: Vec<f64> = finite.collect();
        finite[finite.len().saturating_sub(count)..].to_vec()
    }

    fn copy(&mut self, index: usize, source: usize) -> Option<Copied> {
        let Rules { copy_weights, copy_hyper, .. } = self.rules;
        let [to, from] = self.seats.get_disjoint_mut([index, source]).ok()?;
        if copy_weights {
            to.member.copy_weights(&from.member);
            to.standing.performance = from.standing.performance;
            to.standing.measurements.clone_from(&from.standing.measurements);
        }
        if copy_hyper {
            to.standing.hyper.clone_from(&from.standing.hyper);
        }
        (copy_weights || copy_hyper).then_some(Copied {
            member: source,
            turn: from.standing.turns,
            weights: copy_weights,
            hyper: copy_hyper,
        })
    }

    fn explore(&mut self, index: usize, rng: &mut Stream) -> Result<()> {
        let hyper = &mut self.seats[index].standing.hyper;
        match self.rules.explore {
            Explore::None => {}
            Explore::Perturb => *hyper = self.space.perturb(hyper, rng)?,
            Explore::Resample { probability } => *hyper = self.space.resample(hyper, probability, rng)?,
        }
        Ok(())
    }

    /// Stops the worse half of the members that are in training; of an odd number the smaller part.
    fn halve(&mut self) {
        let mut active: Vec<usize> = (0..self.seats.len()).filter(|at| !self.seats[*at].standing.stopped).collect();
        let performance = |at: &usize| self.seats[*at].standing.performance.map_or(f64::NEG_INFINITY, |one| one.0);
        active.sort_by(|a, b| performance(b).total_cmp(&performance(a)));
        let stay = active.len().div_ceil(2);
        for index in active.into_iter().skip(stay) {
            self.seats[index].standing.stopped = true;
        }
    }

    /// What a checkpoint keeps.
    pub fn state(&self) -> PopulationState<M::State> {
        PopulationState {
            rounds: self.rounds,
            members: self.seats.iter().map(|seat| (seat.standing.clone(), seat.member.state())).collect(),
            lineage: self.lineage.clone(),
        }
    }

    /// Goes back to a kept state of this population.
    ///
    /// # Errors
    /// [`Error::Failed`] where it is the state of another population.
    pub fn restore(&mut self, state: PopulationState<M::State>) -> Result<()> {
        if state.members.len() != self.seats.len() {
            return Err(Error::Failed(format!(
                "a checkpoint of {} members does not fit a population of {}",
                state.members.len(),
                self.seats.len()
            )));
        }
        for (seat, (standing, member)) in self.seats.iter_mut().zip(state.members) {
            seat.standing = standing;
            seat.member.restore(member)?;
        }
        (self.rounds, self.lineage) = (state.rounds, state.lineage);
        Ok(())
    }
}

impl Rules {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// [`Error::Input`] naming the rule.
    pub fn check(&self) -> Result<()> {
        let refuse = |message: String| Err(Error::Input(message));
        if self.turns == 0 || self.ready_every == 0 {
            return refuse("turns and ready_every must be at least 1".into());
        }
        match self.exploit {
            Exploit::Truncation { fraction } if !(fraction > 0.0 && fraction <= 0.5) => {
                refuse(format!("fraction must be in (0, 0.5], but is {fraction}"))
            }
            Exploit::TTest { alpha, .. } if !(alpha > 0.0 && alpha < 1.0) => {
                refuse(format!("alpha must be in (0, 1), but is {alpha}"))
            }
            Exploit::TTest { measurements, .. } if measurements < 2 => {
                refuse(format!("a t-test needs at least 2 measurements, but {measurements} are asked for"))
            }
            _ => Ok(()),
        }?;
        match self.explore {
            Explore::Resample { probability } if !(0.0..=1.0).contains(&probability) => {
                refuse(format!("a probability must be in [0, 1], but is {probability}"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
