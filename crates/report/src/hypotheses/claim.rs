//! What a study claims of its parameters, as it is written: `optimizer: adam, adamw > sgd`.

use std::fmt;

use tunefork_space::{Domain, Value};
use tunefork_study::StoredParameter;

/// A claim about what one parameter does, or two together. Better is what the study's direction calls so.
///
/// ```
/// use tunefork_report::Claim;
///
/// let claim: Claim = "train.learning_rate: 1e-4..1e-3 > others".parse()?;
/// assert_eq!(claim.parameters(), ["train.learning_rate"]);
/// assert!("dropout: 0.3".parse::<Claim>().is_err());
/// # Ok::<(), tunefork_report::ClaimError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// `NAME: VALUES > VALUES`: with some values trials are better than with others.
    Better {
        /// The parameter.
        parameter: String,
        /// The values that are better.
        these: Vec<Values>,
        /// Those that are worse; none stands for all others.
        those: Vec<Values>,
    },
    /// `NAME: increasing` or `NAME: decreasing`: with larger, or smaller, values trials are better.
    Rises {
        /// The parameter.
        parameter: String,
        /// Whether larger values are better.
        up: bool,
    },
    /// `NAME x NAME: interact`: what one does depends on the other.
    Interact {
        /// The parameters.
        parameters: [String; 2],
    },
}

/// One value, or a range of numbers with both ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// A value as it is written.
    One(String),
    /// `LOW..HIGH`.
    Range(f64, f64),
}

/// What is wrong with a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimError {
    claim: String,
}

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no claim: write \"optimizer: adam > sgd\", \"learning_rate: 1e-4..1e-3 > others\", \"epochs: increasing\" or \
             \"dropout x batch_norm: interact\"",
            self.claim
        )
    }
}

impl std::error::Error for ClaimError {}

impl Claim {
    /// All values that it names.
    pub fn values(&self) -> impl Iterator<Item = &Values> {
        let (these, those): (&[Values], &[Values]) = match self {
            Self::Better { these, those, .. } => (these, those),
            Self::Rises { .. } | Self::Interact { .. } => (&[], &[]),
        };
        these.iter().chain(those)
    }

    /// The names that it is about, as they are written.
    pub fn parameters(&self) -> Vec<&str> {
        match self {
            Self::Better { parameter, .. } | Self::Rises { parameter, .. } => vec![parameter],
            Self::Interact { parameters } => parameters.iter().map(String::as_str).collect(),
        }
    }
}

impl std::str::FromStr for Claim {
    type Err = ClaimError;

    fn from_str(text: &str) -> Result<Self, ClaimError> {
        parsed(text).ok_or_else(|| ClaimError { claim: text.to_owned() })
    }
}

fn parsed(text: &str) -> Option<Claim> {
    let (name, rest) = text.split_once(':')?;
    let (name, rest) = (name.trim(), rest.trim());
    if name.is_empty() {
        return None;
    }
    match rest {
        "increasing" | "decreasing" => {
            return Some(Claim::Rises { parameter: name.to_owned(), up: rest == "increasing" });
        }
        "interact" => {
            let (one, other) = name.split_once(" x ")?;
            if one.trim() == other.trim() || other.contains(" x ") {
                return None;
            }
            return Some(Claim::Interact { parameters: [one, other].map(|name| name.trim().to_owned()) });
        }
        _ => {}
    }
    let (these, those) = match (rest.split_once('>'), rest.split_once('<')) {
        (Some((these, those)), None) | (None, Some((those, these))) => (these, those),
        _ => return None,
    };
    let those = if those.trim() == "others" { Vec::new() } else { values(those)? };
    Some(Claim::Better { parameter: name.to_owned(), these: values(these)?, those })
}

fn values(text: &str) -> Option<Vec<Values>> {
    let value = |text: &str| match (text.trim(), text.split_once("..")) {
        ("", _) => None,
        (_, Some((low, high))) => {
            let [low, high] = [low, high].map(|end| end.trim().parse::<f64>().ok().filter(|end| end.is_finite()));
            low.zip(high).filter(|(low, high)| low <= high).map(|(low, high)| Values::Range(low, high))
        }
        (text, None) => Some(Values::One(text.trim_matches('"').to_owned())),
    };
    text.split(',').map(value).collect()
}

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(text) => f.write_str(text),
            Self::Range(low, high) => write!(f, "{low}..{high}"),
        }
    }
}

impl Values {
    /// Whether a parameter of this domain can have one of these.
    pub fn are_in(&self, domain: &Domain) -> bool {
        let (low, high) = match domain {
            Domain::Categorical { choices, .. } => {
                let has = |place: usize| {
                    let internal = place as f64;
                    self.contain(&StoredParameter { name: String::new(), domain: domain.clone(), internal })
                };
                return (0..choices.len()).any(has);
            }
            Domain::Float { low, high, .. } => (*low, *high),
            Domain::Int { low, high, .. } => (*low as f64, *high as f64),
        };
        match self {
            Self::One(text) => text.parse::<f64>().is_ok_and(|value| (low..=high).contains(&value)),
            Self::Range(from, to) => *from <= high && low <= *to,
        }
    }

    /// Whether a value can be one of both. Ranges that touch share none.
    pub fn shares_with(&self, other: &Self) -> bool {
        let number = |text: &str| text.parse::<f64>().ok();
        match (self, other) {
            (Self::One(one), Self::One(other)) => match (number(one), number(other)) {
                (Some(one), Some(other)) => is_about(one, other),
                _ => one == other,
            },
            (Self::One(one), Self::Range(low, high)) | (Self::Range(low, high), Self::One(one)) => {
                number(one).is_some_and(|one| (*low..=*high).contains(&one))
            }
            (Self::Range(low, high), Self::Range(from, to)) => low.max(*from) < high.min(*to),
        }
    }

    /// Whether nothing of a domain is left beside these.
    pub fn are_all_of(these: &[Self], domain: &Domain) -> bool {
        let within = |low: f64, high: f64| {
            these.iter().any(|values| match values {
                Self::Range(from, to) => *from <= low && high <= *to,
                Self::One(_) => low == high && values.are_in(domain),
            })
        };
        match domain {
            Domain::Categorical { choices, .. } => (0..choices.len()).all(|place| {
                let internal = place as f64;
                let stored = StoredParameter { name: String::new(), domain: domain.clone(), internal };
                these.iter().any(|values| values.contain(&stored))
            }),
            Domain::Float { low, high, .. } => within(*low, *high),
            Domain::Int { low, high, .. } => within(*low as f64, *high as f64),
        }
    }

    /// Whether a trial's parameter has one of these.
    pub(super) fn contain(&self, stored: &StoredParameter) -> bool {
        let value = stored.domain.to_value(stored.internal);
        let number = match &value {
            Value::Int(_) | Value::Float(_) => value.as_f64(),
            Value::Null | Value::Bool(_) | Value::Text(_) => None,
        };
        match self {
            // Rates are told with four digits in tables, and written so.
            Self::One(text) => match (number, text.parse::<f64>()) {
                (Some(number), Ok(asked)) => is_about(number, asked),
                _ => value.to_string() == *text,
            },
            Self::Range(low, high) => number.is_some_and(|number| (*low..=*high).contains(&number)),
        }
    }
}

/// Whether a number is what was asked for: rates are told with few digits.
fn is_about(number: f64, asked: f64) -> bool {
    number == asked || (number - asked).abs() <= 1e-9 * asked.abs() && asked.is_finite()
}

/// Whether a parameter is the one that a claim names: with its section, as in a study file, or without.
///
/// ```
/// assert!(tunefork_report::is_named("hidden.0", "model.hidden.0"));
/// ```
pub fn is_named(parameter: &str, name: &str) -> bool {
    parameter == name || name.split_once('.').is_some_and(|(_, rest)| rest == parameter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_read_as_they_are_written() {
        let one = |text: &str| Values::One(text.to_owned());
        let better = |these, those| Claim::Better { parameter: "optimizer".to_owned(), these, those };
        let read = |text: &str| text.parse::<Claim>().unwrap();
        assert_eq!(read("optimizer: adam, adamw > sgd"), better(vec![one("adam"), one("adamw")], vec![one("sgd")]));
        assert_eq!(read("optimizer: sgd < adam"), better(vec![one("adam")], vec![one("sgd")]));
        assert_eq!(read("optimizer : 1e-4 .. 1e-3 > others"), better(vec![Values::Range(1e-4, 1e-3)], Vec::new()));
        assert_eq!(read("epochs: decreasing"), Claim::Rises { parameter: "epochs".to_owned(), up: false });
        assert_eq!(read("a.b x c: interact").parameters(), ["a.b", "c"]);
        for wrong in [
            "",
            "adam > sgd",
            "x:",
            "x: 3",
            "x: > 3",
            "x: 1 > 2 < 3",
            "x: 2..1 > 5",
            "x: interact",
            ": a > b",
            "x: , > 2",
        ] {
            assert!(wrong.parse::<Claim>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_stands_on_both_sides_is_seen() {
        let one = |text: &str| Values::One(text.to_owned());
        assert!(one("16").shares_with(&one("16.0")) && one("adam").shares_with(&one("adam")));
        assert!(one("16").shares_with(&Values::Range(8.0, 16.0)) && !one("17").shares_with(&Values::Range(8.0, 16.0)));
        assert!(Values::Range(0.1, 0.5).shares_with(&Values::Range(0.3, 0.9)));
        assert!(!Values::Range(0.1, 0.3).shares_with(&Values::Range(0.3, 0.9)));
        let choices = Domain::choice(["adam", "sgd"]).unwrap();
        assert!(
            Values::are_all_of(&[one("adam"), one("sgd")], &choices) && !Values::are_all_of(&[one("adam")], &choices)
        );
        let rate = Domain::log(1e-4, 1e-1).unwrap();
        assert!(Values::are_all_of(&[Values::Range(1e-4, 1.0)], &rate) && !Values::are_all_of(&[one("0.001")], &rate));
    }

    #[test]
    fn values_are_found_however_they_are_written() {
        let stored = |domain: Domain, internal| StoredParameter { name: "x".into(), domain, internal };
        let rate = stored(Domain::log(1e-5, 1e-1).unwrap(), 1e-3);
        assert!(!Values::One("inf".into()).contain(&rate) && !Values::One("-1e400".into()).contain(&rate));
        assert!(Values::One("0.001".into()).contain(&rate) && Values::One("1e-3".into()).contain(&rate));
        assert!(Values::Range(1e-4, 1e-3).contain(&rate) && !Values::Range(2e-3, 1.0).contain(&rate));
        let flag = stored(Domain::choice([true, false]).unwrap(), 1.0);
        assert!(Values::One("false".into()).contain(&flag) && !Values::Range(0.0, 1.0).contain(&flag));
        assert!(
            is_named("hidden.0", "model.hidden.0") && is_named("hidden.0", "hidden.0") && !is_named("0", "hidden.x")
        );
    }
}
