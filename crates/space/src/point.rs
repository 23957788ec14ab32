//! One place in a space: as numbers for the search, as named values for people.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Value;

/// One internal value per parameter, in the space's order; NaN where a parameter is absent.
#[derive(Clone, Debug, Default)]
pub struct Point(Vec<f64>);

impl Point {
    /// A point of `parameters` absent values.
    pub fn absent(parameters: usize) -> Self {
        Self(vec![f64::NAN; parameters])
    }

    /// The internal value of parameter `index`; NaN when it is absent or there is no such parameter.
    pub fn get(&self, index: usize) -> f64 {
        self.0.get(index).copied().unwrap_or(f64::NAN)
    }

    /// Whether parameter `index` has a value.
    pub fn has(&self, index: usize) -> bool {
        !self.get(index).is_nan()
    }

    /// Sets the internal value of parameter `index`, making the point longer where needed.
    pub fn set(&mut self, index: usize, value: f64) {
        if index >= self.0.len() {
            self.0.resize(index + 1, f64::NAN);
        }
        self.0[index] = value;
    }

    /// All internal values, in the space's order.
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// Number of values, absent ones included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the point has no values at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<f64>> for Point {
    fn from(values: Vec<f64>) -> Self {
        Self(values)
    }
}

/// Equal when all values have the same bits; two absent values are equal.
impl PartialEq for Point {
    fn eq(&self, other: &Self) -> bool {
        let same = |(a, b): (&f64, &f64)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
        self.len() == other.len() && self.0.iter().zip(&other.0).all(same)
    }
}

impl Eq for Point {}

/// Named external values, in the space's order, active parameters only.
///
/// It is written (serde) as a map; Display gives `name=value` pairs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, Value)>);

impl Params {
    /// The value of the parameter `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|pair| pair.0 == name).map(|pair| &pair.1)
    }

    /// Names and values in the space's order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Sets a value: in its place when the name is there already, else at the end.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|pair| pair.0 == name) {
            Some(pair) => pair.1 = value,
            None => self.0.push((name, value)),
        }
    }

    /// How many parameters have a value here.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Later pairs replace earlier ones of the same name.
impl<N: Into<String>, V: Into<Value>> FromIterator<(N, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut params = Self::default();
        for (name, value) in pairs {
            params.set(name, value);
        }
        params
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, value)) in self.iter().enumerate() {
            write!(f, "{}{name}={value}", if i == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl Serialize for Params {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> de::Visitor<'de> for Pairs {
            type Value = Params;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from parameter names to values")
            }

            fn visit_map<M: de::MapAccess<'de>>(self, mut map: M) -> Result<Params, M::Error> {
                let mut params = Params::default();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if params.get(&name).is_some() {
                        return Err(de::Error::custom(format!("parameter `{name}` stands twice")));
                    }
                    params.0.push((name, value));
                }
                Ok(params)
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}
