//! A cell: one point of an experiment's grid, a map of factor to level.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The level of a factor: a number, a word or a switch.
#[derive(Debug, Clone, PartialEq)]
pub enum Level {
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// A word.
    Text(String),
    /// A switch.
    Bool(bool),
}

impl Level {
    /// The level as a number, for trends over a factor.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Level::Int(value) => Some(*value as f64),
            Level::Float(value) => Some(*value),
            _ => None,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Level::Int(value) => write!(out, "{value}"),
            Level::Float(value) => write!(out, "{value}"),
            Level::Text(value) => write!(out, "{value}"),
            Level::Bool(value) => write!(out, "{value}"),
        }
    }
}

impl From<i64> for Level {
    fn from(value: i64) -> Self {
        Level::Int(value)
    }
}

impl From<f64> for Level {
    fn from(value: f64) -> Self {
        Level::Float(value)
    }
}

impl From<&str> for Level {
    fn from(value: &str) -> Self {
        Level::Text(value.to_owned())
    }
}

impl From<bool> for Level {
    fn from(value: bool) -> Self {
        Level::Bool(value)
    }
}

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Level::Int(value) => serializer.serialize_i64(*value),
            Level::Float(value) => serializer.serialize_f64(*value),
            Level::Text(value) => serializer.serialize_str(value),
            Level::Bool(value) => serializer.serialize_bool(*value),
        }
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Level;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a finite number, a word or true/false")
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Level, E> {
                Ok(Level::Bool(value))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Level, E> {
                Ok(Level::Int(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Level, E> {
                i64::try_from(value).map(Level::Int).map_err(|_| E::custom(format!("{value} is too large for a level")))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Level, E> {
                if value.is_finite() {
                    Ok(Level::Float(value))
                } else {
                    Err(E::invalid_value(de::Unexpected::Float(value), &self))
                }
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Level, E> {
                Ok(Level::Text(value.to_owned()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// One point of the grid. Cells order by their factors' names, then levels.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cell(BTreeMap<String, Level>);

impl Cell {
    /// The cell of an experiment without factors.
    pub fn new() -> Self {
        Cell::default()
    }

    /// The same cell with one more factor.
    pub fn with(mut self, factor: &str, level: impl Into<Level>) -> Self {
        self.0.insert(factor.to_owned(), level.into());
        self
    }

    /// The level of a factor.
    pub fn get(&self, factor: &str) -> Option<&Level> {
        self.0.get(factor)
    }

    /// Factors and levels, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Level)> {
        self.0.iter().map(|(factor, level)| (factor.as_str(), level))
    }

    /// Whether there is no factor.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Cell {
    /// `n=10, task=mnist_3v8`; an empty cell is `-`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return write!(out, "-");
        }
        for (index, (factor, level)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(out, "{comma}{factor}={level}")?;
        }
        Ok(())
    }
}
