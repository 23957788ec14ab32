//! Trials that are tried as given.

use tunefork_sampler::{Ask, Random, Sampler};
use tunefork_space::{Domain, Parameter, Params, Point, Space, SpaceError};
use tunefork_trial::History;

/// The point of enqueued values; what they leave open is drawn by the sampler, parameter by parameter. What others depend on
/// that are given is drawn among the values with which they exist.
///
/// # Errors
/// Values of unknown or inactive parameters, or outside their domains.
pub(crate) fn complete(fixed: &Params, ask: &Ask<'_>, sampler: &mut dyn Sampler) -> Result<Point, SpaceError> {
    let space = ask.history.space();
    let given = space.partial_point(fixed)?;
    let mut point = Point::absent(space.len());
    for &index in space.topological_order() {
        match (space.is_active(&point, index), given.has(index)) {
            (true, true) => point.set(index, given.get(index)),
            (true, false) => {
                let proposed = sampler.propose_one(ask, index);
                let value = match values_for(space, &given, index) {
                    Some(values) if !values.is_empty() && !values.contains(&proposed) => {
                        let places = Domain::int(0, values.len() as i64 - 1).expect("there is a value");
                        values[draw(places, ask, index) as usize]
                    }
                    Some(_) | None => proposed,
                };
                point.set(index, value);
            }
            (false, true) => return Err(space.parameters()[index].inactive()),
            (false, false) => {}
        }
    }
    Ok(point)
}

/// The values of a parameter with which all that is given can exist; `None` if nothing that is given depends on it.
fn values_for(space: &Space, given: &Point, index: usize) -> Option<Vec<f64>> {
    let mut needed: Vec<bool> = (0..space.len()).map(|index| given.has(index)).collect();
    // What a needed one depends on comes before it.
    for &child in space.topological_order().iter().rev().filter(|child| space.is_conditional(**child)) {
        if needed[child] {
            space.parents(child).for_each(|parent| needed[parent] = true);
        }
    }
    let (domain, parameters) = (space.domain(index), space.parameters());
    let children = parameters.iter().zip(&needed).filter(|(_, needed)| **needed);
    let conditions = children.flat_map(|(child, _)| &child.when);
    let conditions = conditions.filter(|condition| condition.parameter == parameters[index].name);
    let values = conditions.map(|condition| {
        condition.any_of.iter().filter_map(|value| domain.to_internal(value).ok()).collect::<Vec<f64>>()
    });
    values.reduce(|all, some| all.into_iter().filter(|value| some.contains(value)).collect())
}

/// A uniform draw from a domain that need not be the one that the study's space has at this place, with a key that no other
/// draw has.
pub(crate) fn draw(domain: Domain, ask: &Ask<'_>, index: usize) -> f64 {
    let space = Space::new(vec![Parameter::new("", domain)]).expect("one parameter without conditions is a space");
    let history = History::new(space, ask.history.direction());
    let ask = Ask {
        history: &history,
        key: ask.key.replicate(index as u32 + 1),
        number: ask.number,
        proposed: ask.proposed,
        region: ask.region,
    };
    Random::new().propose_one(&ask, 0)
}
