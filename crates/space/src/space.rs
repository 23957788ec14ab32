//! A checked list of parameters and the conditions between them.

use crate::{Domain, Params, Point, SpaceError, Value};

/// A parameter exists only where another one has one of the listed values.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The name of the parameter that decides.
    pub parameter: String,
    /// The values for which the condition holds.
    pub any_of: Vec<Value>,
}

/// A named domain and the conditions under which the parameter exists; all of them must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The name, unique in a space.
    pub name: String,
    /// The values it can take.
    pub domain: Domain,
    /// The conditions; none means the parameter always exists.
    pub when: Vec<Condition>,
}

impl Parameter {
    /// A parameter that always exists.
    pub fn new(name: impl Into<String>, domain: Domain) -> Self {
        Self { name: name.into(), domain, when: Vec::new() }
    }

    /// Adds a condition: the parameter exists only where `parameter` has one of the values.
    #[must_use]
    pub fn when<V: Into<Value>>(mut self, parameter: impl Into<String>, any_of: impl IntoIterator<Item = V>) -> Self {
        self.when.push(Condition { parameter: parameter.into(), any_of: any_of.into_iter().map(Into::into).collect() });
        self
    }

    /// The error that it has a value where it does not exist.
    pub fn inactive(&self) -> SpaceError {
        let conditions = self.when.iter().map(|Condition { parameter, any_of }| {
            let values: Vec<String> = any_of.iter().map(Value::to_string).collect();
            format!("`{parameter}` is {}", values.join(" or "))
        });
        let conditions = conditions.collect::<Vec<_>>().join(" and ");
        SpaceError::Inactive { parameter: self.name.clone(), conditions }
    }
}

/// A condition with names and values looked up.
#[derive(Clone, Debug, PartialEq)]
struct Link {
    parent: usize,
    /// Internal values for which the condition holds.
    any_of: Vec<f64>,
}

/// A list of parameters with unique names and conditions that can be decided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Space {
    parameters: Vec<Parameter>,
    /// Per parameter its conditions.
    links: Vec<Vec<Link>>,
    /// Indices such that a parameter comes after those it depends on.
    order: Vec<usize>,
}

impl Space {
    /// Checks the parameters and their conditions.
    ///
    /// # Errors
    /// A name that stands twice; a condition on an unknown or continuous parameter, on no value, on
    /// a value never taken, or in a circle.
    pub fn new(parameters: Vec<Parameter>) -> Result<Self, SpaceError> {
        for (i, parameter) in parameters.iter().enumerate() {
            if parameters[..i].iter().any(|other| other.name == parameter.name) {
                return Err(SpaceError::Duplicate { parameter: parameter.name.clone() });
            }
        }
        let links = parameters.iter().map(|parameter| links(parameter, &parameters)).collect::<Result<Vec<_>, _>>()?;
        let order = topological_order(&parameters, &links)?;
        Ok(Self { parameters, links, order })
    }

    /// Adds one parameter at the end and returns its index. Its conditions may only name
    /// parameters that are already there.
    ///
    /// # Errors
    /// As [`Space::new`].
    pub fn push(&mut self, parameter: Parameter) -> Result<usize, SpaceError> {
        if self.index_of(&parameter.name).is_some() {
            return Err(SpaceError::Duplicate { parameter: parameter.name });
        }
        let index = self.len();
        self.links.push(links(&parameter, &self.parameters)?);
        self.parameters.push(parameter);
        self.order.push(index);
        Ok(index)
    }

    /// The parameters, in the order they were given.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// How many parameters there are, conditional ones included.
    pub fn len(&self) -> usize {
        self.parameters.len()
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// The index of the parameter `name`.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.parameters.iter().position(|parameter| parameter.name == name)
    }

    /// The domain of parameter `index`.
    ///
    /// # Panics
    /// If there is no such parameter.
    pub fn domain(&self, index: usize) -> &Domain {
        &self.parameters[index].domain
    }

    /// All indices, each after those that its conditions name.
    pub fn topological_order(&self) -> &[usize] {
        &self.order
    }

    /// Whether parameter `index` has conditions.
    pub fn is_conditional(&self, index: usize) -> bool {
        self.links.get(index).is_some_and(|links| !links.is_empty())
    }

    /// The parameters named in the conditions of parameter `index`.
    pub fn parents(&self, index: usize) -> impl Iterator<Item = usize> {
        self.links.get(index).into_iter().flatten().map(|link| link.parent)
    }

    /// Whether parameter `index` exists at `point`: every parameter in its conditions is present
    /// there with one of the listed values. False when there is no such parameter.
    pub fn is_active(&self, point: &Point, index: usize) -> bool {
        self.links
            .get(index)
            .is_some_and(|links| links.iter().all(|link| link.any_of.contains(&point.get(link.parent))))
    }

    /// The named values of a point, in the space's order; absent parameters are left out.
    pub fn params(&self, point: &Point) -> Params {
        let present = (0..self.len()).filter(|&index| point.has(index));
        present
            .map(|index| {
                let parameter = &self.parameters[index];
                (parameter.name.clone(), parameter.domain.to_value(point.get(index)))
            })
            .collect()
    }

    /// The point of named values, which must be complete: a value for each active parameter, and
    /// for no other.
    ///
    /// # Errors
    /// An unknown name, a value outside its domain, a missing or an inactive parameter.
    pub fn point(&self, params: &Params) -> Result<Point, SpaceError> {
        let point = self.partial_point(params)?;
        for (index, parameter) in self.parameters.iter().enumerate() {
            match (self.is_active(&point, index), point.has(index)) {
                (true, false) => {
                    return Err(SpaceError::Missing { parameter: parameter.name.clone() });
                }
                (false, true) => {
                    return Err(parameter.inactive());
                }
                _ => {}
            }
        }
        Ok(point)
    }

    /// The point of some named values; the other parameters are absent.
    ///
    /// # Errors
    /// An unknown name or a value outside its domain.
    pub fn partial_point(&self, params: &Params) -> Result<Point, SpaceError> {
        let mut point = Point::absent(self.len());
        for (name, value) in params.iter() {
            let index =
                self.index_of(name).ok_or_else(|| SpaceError::UnknownParameter { parameter: name.to_owned() })?;
            let internal = self.domain(index).to_internal(value);
            point.set(index, internal.map_err(|error| error.of(name))?);
        }
        Ok(point)
    }
}

/// Looks up the names and values in a parameter's conditions.
fn links(parameter: &Parameter, parameters: &[Parameter]) -> Result<Vec<Link>, SpaceError> {
    let link = |condition: &Condition| {
        let names = || (parameter.name.clone(), condition.parameter.clone());
        let parent = parameters.iter().position(|other| other.name == condition.parameter).ok_or_else(|| {
            let (parameter, condition) = names();
            SpaceError::UnknownCondition { parameter, condition }
        })?;
        let domain = &parameters[parent].domain;
        let (parameter, condition_name) = names();
        if domain.size().is_none() {
            return Err(SpaceError::ContinuousCondition { parameter, condition: condition_name });
        }
        if condition.any_of.is_empty() {
            return Err(SpaceError::EmptyCondition { parameter, condition: condition_name });
        }
        let internal = |value: &Value| {
            domain.to_internal(value).map_err(|_| SpaceError::NeverTaken {
                parameter: parameter.clone(),
                condition: condition_name.clone(),
                value: value.clone(),
                domain: domain.to_string(),
            })
        };
        let any_of = condition.any_of.iter().map(internal).collect::<Result<_, _>>()?;
        Ok(Link { parent, any_of })
    };
    parameter.when.iter().map(link).collect()
}

/// Depth-first order; parameters without conditions keep their places relative to each other.
fn topological_order(parameters: &[Parameter], links: &[Vec<Link>]) -> Result<Vec<usize>, SpaceError> {
    let mut order = Vec::with_capacity(links.len());
    let mut done = vec![false; links.len()];
    for start in 0..links.len() {
        // (parameter, how many of its conditions are followed already)
        let mut path = vec![(start, 0)];
        while let Some((index, followed)) = path.pop() {
            if done[index] {
                continue;
            }
            let Some(link) = links[index].get(followed) else {
                done[index] = true;
                order.push(index);
                continue;
            };
            path.push((index, followed + 1));
            if let Some(first) = path.iter().position(|step| step.0 == link.parent) {
                let names = path[first..].iter().map(|step| step.0).chain([link.parent]);
                return Err(SpaceError::Circle {
                    parameters: names.map(|index| parameters[index].name.clone()).collect(),
                });
            }
            path.push((link.parent, 0));
        }
    }
    Ok(order)
}
