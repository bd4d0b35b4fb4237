//! The values of expressions.

use std::fmt;
use std::time::Duration;

use clawback_model::{Timestamp, show_duration};
use rhai::{Array, Dynamic, ImmutableString};

/// The types of inputs, variables and results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// Any text.
    Text,
    /// A mail address; a text to scripts.
    Address,
    /// A domain; a text to scripts.
    Domain,
    /// A delivery location; a text to scripts.
    Location,
    /// An action on messages; a text to scripts.
    Action,
    /// A whole number.
    Integer,
    /// A boolean.
    Boolean,
    /// A length of time.
    Duration,
    /// A point in time.
    Timestamp,
    /// Several of one type.
    List(Box<Self>),
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.pad("text"),
            Self::Address => f.pad("address"),
            Self::Domain => f.pad("domain"),
            Self::Location => f.pad("location"),
            Self::Action => f.pad("action"),
            Self::Integer => f.pad("integer"),
            Self::Boolean => f.pad("boolean"),
            Self::Duration => f.pad("duration"),
            Self::Timestamp => f.pad("timestamp"),
            Self::List(item) => write!(f, "list of {item}"),
        }
    }
}

impl Type {
    /// Returns the type with its article: `an integer`.
    pub fn one(&self) -> String {
        let article = if matches!(self, Self::Integer | Self::Address | Self::Action) { "an" } else { "a" };
        format!("{article} {self}")
    }

    /// Returns the type that scripts see: addresses, domains, locations and actions are texts.
    #[must_use]
    pub fn plain(&self) -> Self {
        match self {
            Self::Address | Self::Domain | Self::Location | Self::Action => Self::Text,
            Self::List(item) => Self::List(Box::new(item.plain())),
            other => other.clone(),
        }
    }

    /// Returns a value that represents this type when an expression is checked.
    pub(crate) fn sample(&self) -> Value {
        match self {
            Self::Text => Value::Text("text".into()),
            Self::Address => Value::Text("someone@mail.example".into()),
            Self::Domain => Value::Text("mail.example".into()),
            Self::Location => Value::Text("inbox".into()),
            Self::Action => Value::Text("soft-delete".into()),
            Self::Integer => Value::Integer(7),
            Self::Boolean => Value::Boolean(true),
            Self::Duration => Value::Duration(Duration::from_hours(24)),
            Self::Timestamp => Value::Timestamp(Timestamp(1_700_000_000_000_000)),
            Self::List(item) => Value::List(vec![item.sample()]),
        }
    }
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, address, domain, location or action.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A boolean.
    Boolean(bool),
    /// A length of time.
    Duration(Duration),
    /// A point in time.
    Timestamp(Timestamp),
    /// A list of values.
    List(Vec<Self>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.pad(text),
            Self::Integer(number) => number.fmt(f),
            Self::Boolean(yes) => yes.fmt(f),
            Self::Duration(duration) => f.pad(&show_duration(*duration)),
            Self::Timestamp(time) => time.fmt(f),
            Self::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    item.fmt(f)?;
                }
                Ok(())
            }
        }
    }
}

impl Value {
    pub(crate) fn to_dynamic(&self) -> Dynamic {
        match self {
            Self::Text(text) => Dynamic::from(ImmutableString::from(text.as_str())),
            Self::Integer(number) => Dynamic::from(*number),
            Self::Boolean(yes) => Dynamic::from(*yes),
            Self::Duration(duration) => Dynamic::from(*duration),
            Self::Timestamp(time) => Dynamic::from(*time),
            Self::List(items) => Dynamic::from(items.iter().map(Self::to_dynamic).collect::<Array>()),
        }
    }

    /// Converts a value; `None` if playbooks have no such type.
    pub(crate) fn from_dynamic(value: Dynamic) -> Option<Self> {
        if let Some(time) = value.clone().try_cast::<Timestamp>() {
            return Some(Self::Timestamp(time));
        }
        if let Some(duration) = value.clone().try_cast::<Duration>() {
            return Some(Self::Duration(duration));
        }
        if let Ok(yes) = value.as_bool() {
            return Some(Self::Boolean(yes));
        }
        if let Ok(number) = value.as_int() {
            return Some(Self::Integer(number));
        }
        if value.is_string() {
            return value.into_string().ok().map(Self::Text);
        }
        let items = value.into_array().ok()?;
        items.into_iter().map(Self::from_dynamic).collect::<Option<_>>().map(Self::List)
    }

    /// Returns the type; `None` for an empty list, which is of every list type.
    pub fn kind(&self) -> Option<Type> {
        Some(match self {
            Self::Text(_) => Type::Text,
            Self::Integer(_) => Type::Integer,
            Self::Boolean(_) => Type::Boolean,
            Self::Duration(_) => Type::Duration,
            Self::Timestamp(_) => Type::Timestamp,
            Self::List(items) => Type::List(Box::new(items.first()?.kind()?)),
        })
    }
}
