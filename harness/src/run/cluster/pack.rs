//! Packs trials into tasks that last minutes, and tasks into arrays that a cluster accepts.
//!
//! A cluster takes seconds to start a task, and keeps a record of each: a task of one short trial would spend more time
//! in the queue than at work. So trials are packed by their expected durations, the long ones first, until a task has
//! enough to do. Trials that measure time get tasks of their own, which have a machine for themselves.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Computes what trials share.
    Stages,
    /// Runs trials.
    Trials,
    /// Runs one trial that has the machine for itself.
    Exclusive,
}

/// A part of a plan that one process carries out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// What it does.
    pub kind: TaskKind,
    /// Whether it needs stages that other tasks compute.
    pub after_stages: bool,
    /// Indices of its trials, or of its stages, in the plan.
    pub items: Vec<usize>,
    /// How long it is expected to take, in seconds.
    pub expected_s: f64,
    /// After how many seconds it must have ended, one way or the other.
    pub limit_s: u64,
    /// Expected peak memory in MiB.
    pub memory_mb: u64,
}

/// Tasks that are submitted together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Array {
    /// What its tasks do.
    pub kind: TaskKind,
    /// Whether they need the arrays of stages to have ended.
    pub after_stages: bool,
    /// Index of its first task in the plan.
    pub first: usize,
    /// How many tasks it has.
    pub count: usize,
}

/// A trial, or a stage, to be packed.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its index among the plan's trials or stages.
    pub index: usize,
    /// How its task is to be.
    pub kind: TaskKind,
    /// Whether it needs a stage that another task computes.
    pub after_stages: bool,
    /// Expected seconds.
    pub seconds: f64,
    /// Seconds after which it has ended, or is given up.
    pub limit_s: u64,
    /// Expected peak memory in MiB.
    pub memory_mb: u64,
}

/// How to pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packing {
    /// How long a task should last.
    pub task_time: Duration,
    /// Trials at a time in a task.
    pub jobs: usize,
    /// Most tasks of an array.
    pub max_array: usize,
}

/// What the start of a process costs a trial, in seconds: trials that take no time still fill a task.
const START_S: f64 = 0.05;
/// What a task may take beyond what is expected: to start, to read its data, to wait for a slow file system.
const SLACK_S: u64 = 600;

/// Packs items into tasks and tasks into arrays; those of stages come first.
pub fn pack(mut items: Vec<Item>, packing: &Packing) -> (Vec<Task>, Vec<Array>) {
    // Longest first within what may share an array: a task of the long ones cannot be the last to start.
    items.sort_by(|a, b| {
        (a.kind, a.after_stages)
            .cmp(&(b.kind, b.after_stages))
            .then(b.seconds.total_cmp(&a.seconds))
            .then(a.index.cmp(&b.index))
    });
    let jobs = packing.jobs.max(1);
    let capacity = packing.task_time.as_secs_f64() * jobs as f64;
    let mut tasks: Vec<Task> = Vec::new();
    let mut full = 0.0;
    for item in items {
        let seconds = item.seconds.max(0.0) + START_S;
        let alone = item.kind == TaskKind::Exclusive;
        match tasks.last_mut() {
            Some(task)
                if !alone
                    && (task.kind, task.after_stages) == (item.kind, item.after_stages)
                    && full + seconds <= capacity =>
            {
                full += seconds;
                task.items.push(item.index);
                // All at once at best, one after the other at worst: the longest alone takes its own time.
                task.expected_s = (full / jobs as f64).max(task.expected_s);
                task.limit_s += item.limit_s;
                task.memory_mb = task.memory_mb.max(item.memory_mb);
            }
            _ => {
                full = seconds;
                tasks.push(Task {
                    kind: item.kind,
                    after_stages: item.after_stages,
                    items: vec![item.index],
                    expected_s: seconds,
                    limit_s: item.limit_s,
                    memory_mb: item.memory_mb,
                });
            }
        }
    }
    for task in &mut tasks {
        task.limit_s += SLACK_S;
        let at_a_time = jobs.min(task.items.len()) as u64;
        task.memory_mb = task.memory_mb.saturating_mul(at_a_time);
    }
    let mut arrays: Vec<Array> = Vec::new();
    for (index, task) in tasks.iter().enumerate() {
        match arrays.last_mut() {
            Some(array)
                if (array.kind, array.after_stages) == (task.kind, task.after_stages)
                    && array.count < packing.max_array.max(1) =>
            {
                array.count += 1;
            }
            _ => arrays.push(Array { kind: task.kind, after_stages: task.after_stages, first: index, count: 1 }),
        }
    }
    (tasks, arrays)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn items() -> impl Strategy<Value = Vec<Item>> {
        let kind = prop_oneof![Just(TaskKind::Stages), Just(TaskKind::Trials), Just(TaskKind::Exclusive)];
        let item = (kind, any::<bool>(), 0.0..2000.0_f64, 1..10_000_u64, 1..4000_u64);
        proptest::collection::vec(item, 0..300).prop_map(|items| {
            let of = |(index, (kind, after, seconds, limit_s, memory_mb))| Item {
                index,
                kind,
                after_stages: after && kind != TaskKind::Stages,
                seconds,
                limit_s,
                memory_mb,
            };
            items.into_iter().enumerate().map(of).collect()
        })
    }

    proptest! {
        #[test]
        fn every_item_is_in_exactly_one_task_of_its_kind(items in items(), minutes in 1..30_u64, jobs in 1..5_usize) {
            let packing = Packing { task_time: Duration::from_secs(60 * minutes), jobs, max_array: 10 };
            let (tasks, _) = pack(items.clone(), &packing);
            let mut seen = BTreeSet::new();
            for task in &tasks {
                prop_assert!(!task.items.is_empty());
                for index in &task.items {
                    prop_assert!(seen.insert(*index), "{} is there twice", index);
                    let item = &items[*index];
                    prop_assert_eq!((task.kind, task.after_stages), (item.kind, item.after_stages));
                }
            }
            prop_assert_eq!(seen.len(), items.len());
        }

        #[test]
        fn tasks_are_neither_too_long_nor_needlessly_short(items in items(), minutes in 1..30_u64, jobs in 1..5_usize) {
            let packing = Packing { task_time: Duration::from_secs(60 * minutes), jobs, max_array: 10 };
            let capacity = packing.task_time.as_secs_f64() * jobs as f64;
            let (tasks, _) = pack(items.clone(), &packing);
            let load = |task: &Task| task.items.iter().map(|index| items[*index].seconds + START_S).sum::<f64>();
            for task in &tasks {
                let longest = task.items.iter().map(|index| items[*index].seconds).fold(0.0, f64::max);
                prop_assert!(task.items.len() == 1 || load(task) <= capacity + 1e-6);
                prop_assert!(task.kind != TaskKind::Exclusive || task.items.len() == 1);
                prop_assert!(task.expected_s >= longest && task.limit_s > SLACK_S);
                let memory = task.items.iter().map(|index| items[*index].memory_mb).max().unwrap_or(0);
                prop_assert_eq!(task.memory_mb, memory * jobs.min(task.items.len()) as u64);
            }
            for pair in tasks.windows(2) {
                let [a, b] = pair else { continue };
                if a.kind != TaskKind::Exclusive && (a.kind, a.after_stages) == (b.kind, b.after_stages) {
                    let next = b.items.first().map_or(0.0, |index| items[*index].seconds + START_S);
                    prop_assert!(load(a) + next > capacity - 1e-6, "the next trial would have fitted");
                }
            }
        }

        #[test]
        fn arrays_cover_the_tasks_within_the_limit_stages_first(items in items(), max_array in 1..40_usize) {
            let packing = Packing { task_time: Duration::from_secs(60), jobs: 1, max_array };
            let (tasks, arrays) = pack(items, &packing);
            let mut next = 0;
            let mut stages_over = false;
            for array in &arrays {
                prop_assert_eq!(array.first, next);
                prop_assert!((1..=max_array).contains(&array.count));
                next += array.count;
                for task in &tasks[array.first..next] {
                    prop_assert_eq!((task.kind, task.after_stages), (array.kind, array.after_stages));
                }
                stages_over |= array.kind != TaskKind::Stages;
                prop_assert!(!(stages_over && array.kind == TaskKind::Stages), "stages after trials");
            }
            prop_assert_eq!(next, tasks.len());
        }
    }
}
