//! What must be true of a population, whatever it trains.

use harness_core::rng::{self, Stream};

use super::super::hyper::{Hyper, Perturbation, Scale};
use super::super::member::Evaluation;
use super::*;

/// Its weight grows by its hyper-parameter each turn; so does a momentum that only a copy of the optimiser carries over.
#[derive(Debug, Clone, PartialEq, Default)]
struct Counter {
    weight: f64,
    momentum: f64,
    diverges: bool,
}

impl Member for Counter {
    type State = (f64, f64);

    fn train(&mut self, hyper: &[f64], rng: &mut Stream) -> Result<()> {
        self.momentum += 1.0;
        self.weight += hyper[0] + 1e-6 * rng.random::<f64>();
        Ok(())
    }

    fn evaluate(&mut self) -> Result<Evaluation> {
        Ok(Evaluation::of(if self.diverges { f64::NAN } else { self.weight }))
    }

    fn copy_weights(&mut self, source: &Self) {
        (self.weight, self.momentum) = (source.weight, source.momentum);
    }

    fn state(&self) -> (f64, f64) {
        (self.weight, self.momentum)
    }

    fn restore(&mut self, (weight, momentum): (f64, f64)) -> Result<()> {
        (self.weight, self.momentum) = (weight, momentum);
        Ok(())
    }
}

fn space() -> Space {
    let hyper = Hyper { low: 1e-3, high: 100.0, scale: Scale::Log, floor: None, tuned: 1.0 };
    Space { hypers: vec![("step", hyper)], perturbation: Perturbation::Factors { down: 0.8, up: 1.2 } }
}

fn rules() -> Rules {
    Rules {
        turns: 12,
        ready_every: 1,
        exploit: Exploit::Truncation { fraction: 0.25 },
        copy_weights: true,
        copy_hyper: true,
        explore: Explore::Perturb,
        halve_after: Vec::new(),
    }
}

fn population(rules: Rules) -> Population<Counter> {
    let members = (0..8).map(|index| (Counter::default(), vec![1.0 + index as f64])).collect();
    Population::new(members, space(), rules).unwrap()
}

fn streams(seed: u64) -> impl Fn(&str) -> Stream {
    move |name| rng::stream("test", name, seed)
}

fn run(mut population: Population<Counter>, rounds: usize) -> Population<Counter> {
    for _ in 0..rounds {
        population.round(&streams(0)).unwrap();
    }
    population
}

#[test]
fn the_same_seed_gives_the_same_history_and_another_seed_another() {
    let (a, b) = (run(population(rules()), 12), run(population(rules()), 12));
    assert_eq!(a.lineage(), b.lineage());
    assert!(a.lineage().0.iter().any(|turn| turn.copied.is_some()));
    let mut other = population(rules());
    for _ in 0..12 {
        other.round(&streams(1)).unwrap();
    }
    assert_ne!(a.lineage(), other.lineage());
}

#[test]
fn a_population_resumes_to_the_same_bits() {
    for at in [1, 5, 11] {
        let state = serde_json::to_string(&run(population(rules()), at).state()).unwrap();
        let mut resumed = population(rules());
        resumed.restore(serde_json::from_str(&state).unwrap()).unwrap();
        let (resumed, whole) = (run(resumed, 12 - at), run(population(rules()), 12));
        assert_eq!(resumed.lineage(), whole.lineage());
        assert_eq!(resumed.best(), whole.best());
    }
    let state = population(rules()).state();
    let mut other = Population::new(vec![(Counter::default(), vec![1.0])], space(), rules()).unwrap();
    assert!(other.restore(state).is_err());
}

/// With a barrier every copy would be of a state of the same age.
#[test]
fn members_see_what_is_published_and_never_wait() {
    let lineage = run(population(rules()), 12).lineage().clone();
    let copies: Vec<(usize, Copied)> = lineage.0.iter().filter_map(|turn| Some((turn.turn, turn.copied?))).collect();
    assert!(copies.iter().any(|(turn, copied)| copied.turn == *turn), "no copy of this round");
    assert!(copies.iter().any(|(turn, copied)| copied.turn + 1 == *turn), "no copy of the round before");
    assert!(copies.iter().all(|(turn, copied)| copied.turn == *turn || copied.turn + 1 == *turn));
    // The copier's record comes after that of the state which it copied, and every member takes every turn.
    let place = |member: usize, turn: usize| lineage.0.iter().position(|one| (one.member, one.turn) == (member, turn));
    for one in &lineage.0 {
        if let Some(copied) = one.copied {
            assert!(place(copied.member, copied.turn) < place(one.member, one.turn));
        }
    }
    assert_eq!(lineage.0.len(), 8 * 12);
    let first_round: Vec<usize> = lineage.0.iter().take(8).map(|one| one.member).collect();
    let second_round: Vec<usize> = lineage.0.iter().skip(8).take(8).map(|one| one.member).collect();
    assert_ne!(first_round, second_round);
}

#[test]
fn a_copy_takes_the_state_of_the_optimiser_along() {
    let mut two = population(Rules { explore: Explore::None, ..rules() });
    two.seats[7].member.momentum = 100.0;
    let copied = two.copy(0, 7).unwrap();
    assert_eq!(two.seats[0].member, two.seats[7].member);
    assert_eq!((copied.member, copied.weights, copied.hyper), (7, true, true));
    assert_eq!(two.seats[0].standing.hyper, [8.0]);
}

#[test]
fn the_ablations_copy_one_part_each() {
    let weights = run(population(Rules { copy_hyper: false, explore: Explore::None, ..rules() }), 12);
    for (index, seat) in weights.seats.iter().enumerate() {
        assert_eq!(seat.standing.hyper, [1.0 + index as f64], "hyper-parameters stay where only weights are copied");
    }
    let hypers = run(population(Rules { copy_weights: false, explore: Explore::None, ..rules() }), 12);
    assert!(hypers.seats.iter().any(|seat| seat.standing.hyper == [8.0] && seat.member.momentum == 12.0));
    let lineage = hypers.lineage();
    assert!((0..8).all(|member| lineage.founder(member, 12) == member), "weights were copied");
    let neither = run(population(Rules { copy_weights: false, copy_hyper: false, ..rules() }), 12);
    assert!(neither.lineage().0.iter().all(|turn| turn.copied.is_none()));
    assert_ne!(neither.seats[0].standing.hyper, [1.0], "the worst perturb their own");
    let none = run(population(Rules { exploit: Exploit::None, ..rules() }), 12);
    assert!(none.seats.iter().enumerate().all(|(index, seat)| seat.standing.hyper == [1.0 + index as f64]));
}

#[test]
fn members_are_ready_as_often_as_the_rules_say_but_not_at_the_end() {
    let lineage = run(population(Rules { ready_every: 5, ..rules() }), 12).lineage().clone();
    let turns: Vec<usize> = lineage.0.iter().filter(|turn| turn.copied.is_some()).map(|turn| turn.turn).collect();
    assert!(!turns.is_empty() && turns.iter().all(|turn| [5, 10].contains(turn)), "{turns:?}");
    let every = run(population(rules()), 12).lineage().clone();
    assert!(every.0.iter().all(|turn| turn.turn < 12 || turn.copied.is_none()));
}

#[test]
fn whoever_diverges_is_replaced_and_never_the_best() {
    let mut some = population(rules());
    some.seats[7].member.diverges = true;
    let some = run(some, 12);
    assert!(some.best().unwrap().1.is_finite());
    // Others may copy from it only what it had copied itself.
    for copied in some.lineage().0.iter().filter_map(|turn| turn.copied).filter(|copied| copied.member == 7) {
        let its = some.lineage().0.iter().find(|one| (one.member, one.turn) == (7, copied.turn)).unwrap();
        assert!(its.copied.is_some());
    }
    // Its own evaluation stays NaN, so it copies whenever it is ready and another was evaluated.
    assert!(some.lineage().0.iter().filter(|turn| turn.member == 7 && turn.copied.is_some()).count() >= 10);
}

#[test]
fn tournaments_and_t_tests_copy_only_what_is_better() {
    for exploit in [Exploit::Tournament, Exploit::TTest { alpha: 0.05, measurements: 10 }] {
        let done = run(population(Rules { exploit, explore: Explore::None, ..rules() }), 12);
        let copies: Vec<&Turn> = done.lineage().0.iter().filter(|turn| turn.copied.is_some()).collect();
        assert!(!copies.is_empty(), "{exploit:?}");
        let found = |member: usize, turn: usize| {
            done.lineage().0.iter().find(|one| (one.member, one.turn) == (member, turn)).unwrap()
        };
        for one in copies {
            let copied = one.copied.unwrap();
            assert!(copied.member != one.member);
            if found(copied.member, copied.turn).copied.is_none() && exploit == Exploit::Tournament {
                assert!(found(copied.member, copied.turn).performance > one.performance);
            }
        }
        assert!(done.seats.iter().any(|seat| seat.standing.hyper == [8.0]));
    }
}

#[test]
fn halving_stops_the_worse_half() {
    let rules = Rules { exploit: Exploit::None, halve_after: vec![3, 6], ..rules() };
    let half = run(population(rules.clone()), 3);
    assert_eq!(half.active(), 4);
    let done = run(population(rules), 12);
    assert_eq!((done.active(), done.lineage().0.len()), (2, 8 * 3 + 4 * 3 + 2 * 6));
    assert_eq!(done.best().unwrap().0, 7);
    assert_eq!((done.turns(0), done.turns(7)), (3, 12));
}

#[test]
fn impossible_rules_are_refused() {
    for bad in [
        Rules { turns: 0, ..rules() },
        Rules { ready_every: 0, ..rules() },
        Rules { exploit: Exploit::Truncation { fraction: 0.6 }, ..rules() },
        Rules { exploit: Exploit::TTest { alpha: 0.0, measurements: 10 }, ..rules() },
        Rules { exploit: Exploit::TTest { alpha: 0.05, measurements: 1 }, ..rules() },
        Rules { explore: Explore::Resample { probability: 1.5 }, ..rules() },
    ] {
        assert!(Population::new(vec![(Counter::default(), vec![1.0])], space(), bad).is_err());
    }
    assert!(Population::<Counter>::new(Vec::new(), space(), rules()).is_err());
    assert!(Population::new(vec![(Counter::default(), vec![])], space(), rules()).is_err());
}
