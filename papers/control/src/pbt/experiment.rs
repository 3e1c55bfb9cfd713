//! The arms: populations, successive halving, and networks trained again with what a population found.

use harness_core::backend::Device;
use harness_core::prelude::*;
use harness_core::weights::Weights;
use serde::{Deserialize, Serialize};

use super::actor_critic::ActorCritic;
use super::classifier::{Classifier, Problem};
use super::dataset;
use super::gan::Gan;
use super::hyper::Space;
use super::lineage::Lineage;
use super::member::Member;
use super::perceptron::plain_device;
use super::population::{Population, PopulationState, Rules};
use super::settings::{
    ActorCriticSettings, Arm, Cell, Change, Copying, Found, GanSettings, Method, Selection, Settings, Start, Task,
    ToySettings,
};
use super::toy::{ToyMember, toy_space};

/// What a population is trained on.
trait Training {
    type Member: Member;
    /// Names of what [`Training::scores`] gives; the first one is what claims compare.
    const SCORES: &'static [&'static str];
    fn space(&self) -> Space;
    /// Training steps of a turn, in the unit of the figures.
    fn steps(&self) -> usize;
    /// A member before its first turn. Streams are named after it.
    fn member(&self, name: &str, lab: &Lab) -> Self::Member;
    /// The hyper-parameters that a member starts with.
    fn start(&self, index: usize, start: Start, lab: &Lab) -> Vec<f64> {
        match start {
            Start::Prior => self.space().draw(&mut lab.rng(&format!("prior, member {index}"))),
            Start::Tuned => self.space().tuned(),
        }
    }
    /// What the chosen member is worth on what nobody was selected by.
    fn scores(&self, member: &Self::Member, lab: &Lab) -> Result<Vec<f64>>;
}

/// Runs an arm in a cell.
///
/// # Errors
/// Those of the data, the members and the lab.
pub fn run(arm: &Arm, cell: &Cell, settings: &Settings, trial: &Trial, lab: &mut Lab) -> Result<()> {
    let device = plain_device(lab.device());
    match cell.task {
        Task::Toy => {
            let training = OnToy(&settings.toy);
            let (found, population) = train(&training, arm.method, cell, settings, lab)?;
            found.record(&training, lab);
            let judged = found.lineage.0.iter().filter(|turn| turn.turn == settings.toy.judged_turn);
            lab.record("judged_objective", judged.map(|turn| turn.performance.0).fold(f64::NEG_INFINITY, f64::max));
            for (index, member) in population.members().enumerate() {
                for theta in member.path() {
                    lab.series(&format!("path_{index}"), theta[0], theta[1]);
                }
            }
            Ok(())
        }
        Task::Rl => plain(&OnCartPole { settings: &settings.rl, device }, arm.method, cell, settings, lab),
        Task::Gan => plain(&OnRing { settings: &settings.gan, device }, arm.method, cell, settings, lab),
        Task::Classifier => {
            let data = dataset::open(&settings.classifier, trial, lab)?;
            let problem = Problem::new(&settings.classifier, &data, &device);
            let training = OnImages { problem: &problem, images: settings.classifier.train };
            match arm.method {
                Method::Retrained { with } => retrained(&training, with, cell, settings, lab)?,
                truncation if truncation == TRUNCATION => {
                    shared_truncation(&training, cell, settings, lab)?.record(&training, lab);
                }
                method => plain(&training, method, cell, settings, lab)?,
            }
            lab.text("data", data.source.clone());
            Ok(())
        }
    }
}

/// The population whose schedule is replayed.
const TRUNCATION: Method = Method::Population {
    start: Start::Prior,
    exploit: Selection::Truncation,
    copy: Copying::Both,
    explore: Change::Perturb,
};

fn plain<T: Training>(training: &T, method: Method, cell: &Cell, settings: &Settings, lab: &mut Lab) -> Result<()> {
    let (found, _) = train(training, method, cell, settings, lab)?;
    found.record(training, lab);
    Ok(())
}

/// What a population came to.
#[derive(Debug, Clone, PartialEq)]
struct Outcome {
    lineage: Lineage,
    /// The member that performs best after its last turn.
    winner: usize,
    turns: usize,
    scores: Vec<f64>,
}

/// Trains the population of an arm.
fn train<T: Training>(
    training: &T,
    method: Method,
    cell: &Cell,
    settings: &Settings,
    lab: &mut Lab,
) -> Result<(Outcome, Population<T::Member>)> {
    let (count, start) = match method {
        Method::Population { start, .. } => (cell.population, start),
        Method::Halving | Method::Retrained { .. } => (2 * cell.population, Start::Prior),
    };
    let members = (0..count)
        .map(|index| (training.member(&format!("member {index}"), lab), training.start(index, start, lab)))
        .collect();
    let population = Population::new(members, training.space(), cell.rules(method, settings))?;
    let population = rounds("population", population, cell.rules(method, settings), training.steps(), None, lab)?;
    let (winner, _) = population.best().ok_or_else(|| Error::Failed("a population has no best member".into()))?;
    let member = population.members().nth(winner);
    let scores = member.map(|member| training.scores(member, lab)).transpose()?.unwrap_or_default();
    let found = Outcome { lineage: population.lineage().clone(), winner, turns: population.turns(winner), scores };
    Ok((found, population))
}

/// What a checkpoint keeps.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Checkpoint<S> {
    run: String,
    population: PopulationState<S>,
}

/// Takes all rounds of a population, from where an interrupted run of this name left off. A schedule gives all members
/// their hyper-parameters, round by round.
fn rounds<M: Member>(
    name: &str,
    mut population: Population<M>,
    rules: Rules,
    steps: usize,
    schedule: Option<&[Vec<f64>]>,
    lab: &mut Lab,
) -> Result<Population<M>> {
    if let Some(kept) = lab.restore::<Checkpoint<M::State>>()
        && kept.run == name
    {
        population.restore(kept.population)?;
    }
    while population.rounds() < rules.turns {
        if let Some(hyper) = schedule.and_then(|schedule| schedule.get(population.rounds())) {
            population.set_hyper(hyper);
        }
        population.round(&|stream| lab.rng(stream))?;
        lab.progress((population.rounds() * steps) as u64, (rules.turns * steps) as u64)?;
        lab.checkpoint(|| Checkpoint { run: name.to_owned(), population: population.state() })?;
    }
    Ok(population)
}

/// The population with truncation selection on the images, which its arm reports and the retrained networks learn from.
fn shared_truncation(training: &OnImages, cell: &Cell, settings: &Settings, lab: &mut Lab) -> Result<Outcome> {
    let kept = lab.stage("truncation", &(settings, cell), |lab| {
        let (found, _) = train(training, TRUNCATION, cell, settings, lab)?;
        let mut kept = Weights::new();
        found.lineage.keep(&mut kept);
        let numbers = [found.winner as f64, found.turns as f64].into_iter().chain(found.scores);
        let numbers: Vec<f32> = numbers.map(|value| value as f32).collect();
        kept.put_floats("outcome", &[numbers.len()], numbers);
        Ok(kept)
    })?;
    let [winner, turns, scores @ ..] = kept.floats("outcome")? else {
        return Err(Error::Failed("a stored population does not have the numbers that it was stored with".into()));
    };
    Ok(Outcome {
        lineage: Lineage::kept(&kept, training.space().hypers.len())?,
        winner: *winner as usize,
        turns: *turns as usize,
        scores: scores.iter().map(|score| f64::from(*score)).collect(),
    })
}

/// Fresh networks with the hyper-parameters that the winner of the population had, and the mean of what they come to.
fn retrained(training: &OnImages, with: Found, cell: &Cell, settings: &Settings, lab: &mut Lab) -> Result<()> {
    let found = shared_truncation(training, cell, settings, lab)?;
    let mut schedule = found.lineage.schedule(found.winner, found.turns);
    let kept = match with {
        Found::Schedule => None,
        Found::Final => schedule.last().cloned(),
        Found::Initial => schedule.first().cloned(),
    };
    if let Some(kept) = kept {
        schedule.fill(kept);
    }
    let names: Vec<String> = (0..settings.retrained).map(|index| format!("retrained {index}")).collect();
    let members = names.iter().map(|name| (training.member(name, lab), training.space().tuned())).collect();
    let rules = Rules { turns: schedule.len(), ..cell.rules(Method::Retrained { with }, settings) };
    let population = Population::new(members, training.space(), rules.clone())?;
    let mut population = rounds("retrained", population, rules, training.steps(), Some(&schedule), lab)?;
    let (mut test, mut validation) = (0.0, 0.0);
    for index in 0..names.len() {
        let Some(member) = population.member_mut(index) else { continue };
        validation += member.evaluate()?.performance / names.len() as f64;
        test += member.test() / names.len() as f64;
    }
    lab.record("test_score", test);
    lab.record("validation_score", validation);
    for ((name, _), column) in training.space().hypers.iter().zip(0..) {
        for (turn, hyper) in schedule.iter().enumerate() {
            lab.series(&format!("winner_{name}"), (turn + 1) as f64, hyper[column]);
        }
    }
    Ok(())
}

impl Outcome {
    /// Leaves metrics and curves in the lab.
    fn record<T: Training>(&self, training: &T, lab: &mut Lab) {
        for (name, score) in T::SCORES.iter().zip(&self.scores) {
            lab.record(name, *score);
        }
        let curve = self.best_by_turn();
        let area = curve.iter().map(|(_, best)| best).sum::<f64>() / curve.len().max(1) as f64;
        lab.record("area", area);
        lab.record("steps", (self.lineage.0.len() * training.steps()) as f64);
        lab.record("copies", self.lineage.0.iter().filter(|turn| turn.copied.is_some()).count() as f64);
        for (turns, best) in curve {
            lab.series("best", (turns * training.steps()) as f64, best);
        }
        let path = self.lineage.ancestry(self.winner, self.turns);
        if let Some(last) = path.last() {
            lab.record("validation_score", last.performance.0);
        }
        let space = training.space();
        for (at, one) in path.iter().enumerate() {
            lab.series("winner_path", (at + 1) as f64, one.member as f64);
            for ((name, _), value) in space.hypers.iter().zip(&one.hyper) {
                lab.series(&format!("winner_{name}"), (at + 1) as f64, *value);
            }
        }
        for one in &self.lineage.0 {
            let turn = one.turn as f64;
            for ((name, _), value) in space.hypers.iter().zip(&one.hyper) {
                lab.series(&format!("{name}_{}", one.member), turn, *value);
            }
            let founder = self.lineage.founder(one.member, one.turn);
            lab.series(&format!("founder_{}", one.member), turn, founder as f64);
        }
    }

    /// Turns of all members so far and the best performance among them, each time that all have taken one more.
    fn best_by_turn(&self) -> Vec<(usize, f64)> {
        (1..=self.turns)
            .map(|turn| {
                let taken = self.lineage.0.iter().filter(|one| one.turn <= turn).count();
                let now = self.lineage.0.iter().filter(|one| one.turn == turn);
                (taken, now.map(|one| one.performance.0).fold(f64::NEG_INFINITY, f64::max))
            })
            .collect()
    }
}

struct OnToy<'a>(&'a ToySettings);

impl Training for OnToy<'_> {
    type Member = ToyMember;
    const SCORES: &'static [&'static str] = &["test_score"];

    fn space(&self) -> Space {
        toy_space(self.0.noise)
    }

    fn steps(&self) -> usize {
        self.0.steps as usize
    }

    fn member(&self, _name: &str, _lab: &Lab) -> ToyMember {
        ToyMember::new(self.0.start, self.0.learning_rate, self.0.steps)
    }

    /// The two surrogates in turn.
    fn start(&self, index: usize, _start: Start, _lab: &Lab) -> Vec<f64> {
        if index.is_multiple_of(2) { vec![0.0, 1.0] } else { vec![1.0, 0.0] }
    }

    fn scores(&self, member: &ToyMember, _lab: &Lab) -> Result<Vec<f64>> {
        Ok(vec![member.clone().evaluate()?.performance])
    }
}

struct OnCartPole<'a> {
    settings: &'a ActorCriticSettings,
    device: Device,
}

impl<'a> Training for OnCartPole<'a> {
    type Member = ActorCritic<'a>;
    const SCORES: &'static [&'static str] = &["test_score"];

    fn space(&self) -> Space {
        self.settings.space()
    }

    fn steps(&self) -> usize {
        self.settings.updates * self.settings.unroll * self.settings.environments
    }

    fn member(&self, name: &str, lab: &Lab) -> ActorCritic<'a> {
        let mut weights = lab.rng(&format!("weights, {name}"));
        let mut starts = lab.rng(&format!("environments, {name}"));
        ActorCritic::new(self.settings, &mut weights, &mut starts, &self.device)
    }

    fn scores(&self, member: &ActorCritic<'a>, lab: &Lab) -> Result<Vec<f64>> {
        Ok(vec![member.test(self.settings.test_episodes, &mut lab.rng("test episodes"))])
    }
}

struct OnImages<'a> {
    problem: &'a Problem<'a>,
    images: usize,
}

impl<'a> Training for OnImages<'a> {
    type Member = Classifier<'a>;
    const SCORES: &'static [&'static str] = &["test_score"];

    fn space(&self) -> Space {
        self.problem.space()
    }

    fn steps(&self) -> usize {
        self.images
    }

    fn member(&self, name: &str, lab: &Lab) -> Classifier<'a> {
        Classifier::new(self.problem, &mut lab.rng(&format!("weights, {name}")))
    }

    fn scores(&self, member: &Classifier<'a>, _lab: &Lab) -> Result<Vec<f64>> {
        Ok(vec![member.test()])
    }
}

struct OnRing<'a> {
    settings: &'a GanSettings,
    device: Device,
}

impl<'a> Training for OnRing<'a> {
    type Member = Gan<'a>;
    const SCORES: &'static [&'static str] = &["test_score", "modes", "inside"];

    fn space(&self) -> Space {
        self.settings.space()
    }

    fn steps(&self) -> usize {
        self.settings.updates
    }

    fn member(&self, name: &str, lab: &Lab) -> Gan<'a> {
        let mut weights = lab.rng(&format!("weights, {name}"));
        Gan::new(self.settings, &mut weights, &mut lab.rng("evaluation latents"), &self.device)
    }

    fn scores(&self, member: &Gan<'a>, lab: &Lab) -> Result<Vec<f64>> {
        let quality = member.test(self.settings.test_samples, &mut lab.rng("test latents"))?;
        Ok(vec![quality.score, quality.modes, quality.inside])
    }
}
