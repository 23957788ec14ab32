//! Dealing images out: whole groups of equal images, each class by its share.

use std::collections::{BTreeMap, HashSet};

use tunefork_rng::{Key, Purpose};

use super::Order;
use crate::{Dataset, digest};

/// Deals out the images of a set.
pub(super) struct Dealer<'a> {
    data: &'a Dataset,
    order: Order,
    key: Key,
    /// For every image the first one that is equal.
    firsts: Vec<u32>,
    /// Pools dealt from so far: each has draws of its own.
    deals: u64,
}

/// Images with equal pixels, ascending; most often one.
pub(super) type Group = Vec<u32>;

impl<'a> Dealer<'a> {
    pub(super) fn new(data: &'a Dataset, order: Order, key: Key) -> Self {
        Self { data, order, key, firsts: digest::first_equals(data), deals: 0 }
    }

    /// The first image that is equal to this one.
    fn first_equal(&self, image: u32) -> u32 {
        self.firsts[image as usize]
    }

    /// Lists of at most the given sizes out of `pool`, and what is left; smaller than their size
    /// only where equal images, which stay together, leave no other way.
    pub(super) fn deal(&mut self, pool: &[u32], sizes: &[usize]) -> (Vec<Vec<u32>>, Vec<u32>) {
        let (mut lists, mut rest) = match self.order {
            Order::Stored => self.deal_stored(pool, sizes),
            Order::Stratified => {
                let mut by_class = self.shuffled_classes(pool);
                let lists = sizes.iter().map(|size| take_stratified(&mut by_class, *size)).collect();
                let rest = by_class.into_iter().flatten().flatten().collect();
                (lists, rest)
            }
        };
        lists.iter_mut().for_each(|list| list.sort_unstable());
        rest.sort_unstable();
        (lists, rest)
    }

    /// As they are stored, passing over images that are equal to one in an earlier list.
    fn deal_stored(&self, pool: &[u32], sizes: &[usize]) -> (Vec<Vec<u32>>, Vec<u32>) {
        let mut list_of: BTreeMap<u32, usize> = BTreeMap::new();
        let (mut lists, mut rest) = (vec![Vec::new(); sizes.len()], Vec::new());
        let mut current = 0;
        for image in pool {
            while current < sizes.len() && lists[current].len() == sizes[current] {
                current += 1;
            }
            let list = *list_of.entry(self.first_equal(*image)).or_insert(current);
            match lists.get_mut(current) {
                Some(images) if list == current => images.push(*image),
                _ => rest.push(*image),
            }
        }
        (lists, rest)
    }

    /// Adds those of `images` to `list` that are equal to none in the `others`.
    pub(super) fn add_unless_equal(&self, list: &mut Vec<u32>, images: Vec<u32>, others: &[&[u32]]) {
        let taken: HashSet<u32> = others.iter().copied().flatten().map(|image| self.first_equal(*image)).collect();
        let free = |image: &u32| !taken.contains(&self.first_equal(*image));
        list.extend(images.into_iter().filter(free));
        list.sort_unstable();
    }

    /// `folds` lists that are together the whole pool, alike in size and in images of each class.
    pub(super) fn deal_folds(&mut self, pool: &[u32], folds: usize) -> Vec<Vec<u32>> {
        let mut lists = vec![Vec::new(); folds];
        match self.order {
            Order::Stored => {
                let mut given = 0;
                for group in self.groups(pool) {
                    // The fold in which the group's first image would be, were it alone.
                    lists[given * folds / pool.len()].extend(&group);
                    given += group.len();
                }
            }
            Order::Stratified => {
                let mut by_class = self.shuffled_classes(pool);
                let mut groups: Vec<Group> = by_class.drain(..).flatten().collect();
                // The large ones first, so that the small ones can even out.
                groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
                let classes = self.data.classes().len();
                let mut counts = vec![vec![0_usize; classes]; folds];
                let label = |image: &u32| usize::from(self.data.label(*image));
                for group in groups {
                    let alike = |fold: &usize| -> usize { group.iter().map(|image| counts[*fold][label(image)]).sum() };
                    let fold =
                        (0..folds).min_by_key(|fold| (alike(fold), lists[*fold].len())).expect("there are folds");
                    for image in &group {
                        counts[fold][label(image)] += 1;
                    }
                    lists[fold].extend(group);
                }
            }
        }
        lists.iter_mut().for_each(|list| list.sort_unstable());
        lists
    }

    /// The pool's groups of equal images, by their first ones.
    pub(super) fn groups(&self, pool: &[u32]) -> Vec<Group> {
        let mut groups: BTreeMap<u32, Group> = BTreeMap::new();
        for image in pool {
            groups.entry(self.first_equal(*image)).or_default().push(*image);
        }
        let mut groups: Vec<Group> = groups.into_values().collect();
        // The first equal image of the set need not be in the pool.
        groups.sort_unstable_by_key(|group| group[0]);
        groups
    }

    /// The pool's groups by class, each class in random order. A group of several classes stands
    /// with that of its first image.
    fn shuffled_classes(&mut self, pool: &[u32]) -> Vec<Vec<Group>> {
        let deal = self.deals;
        self.deals += 1;
        let mut by_class = vec![Vec::new(); self.data.classes().len()];
        for group in self.groups(pool) {
            by_class[usize::from(self.data.label(group[0]))].push(group);
        }
        for (class, groups) in by_class.iter_mut().enumerate() {
            let draw = deal << 32 | class as u64;
            self.key.stream_at(Purpose::Split, draw).shuffle(groups);
        }
        by_class
    }
}

fn images(groups: &[Group]) -> usize {
    groups.iter().map(Vec::len).sum()
}

/// Takes `size` images from the ends of the classes' lists, from each class its share: rounded
/// down, and what is missing from the largest remainders, the lower class first.
fn take_stratified(by_class: &mut [Vec<Group>], size: usize) -> Vec<u32> {
    let counts: Vec<usize> = by_class.iter().map(|groups| images(groups)).collect();
    let whole = counts.iter().sum::<usize>() as u128;
    if size == 0 || whole == 0 {
        return Vec::new();
    }
    let exact = |class: usize| counts[class] as u128 * size as u128;
    let mut quotas: Vec<usize> = (0..by_class.len()).map(|class| (exact(class) / whole) as usize).collect();
    let missing = size.saturating_sub(quotas.iter().sum());
    let mut classes: Vec<usize> = (0..by_class.len()).collect();
    classes.sort_by_key(|class| std::cmp::Reverse(exact(*class) % whole));
    for class in classes.into_iter().take(missing) {
        quotas[class] += 1;
    }
    let mut taken = Vec::with_capacity(size);
    for (groups, quota) in by_class.iter_mut().zip(quotas) {
        take_groups(groups, quota, &mut taken);
    }
    // Groups that fitted into no share of their class may fit into what all classes lack.
    for groups in by_class {
        let missing = size - taken.len();
        take_groups(groups, missing, &mut taken);
    }
    taken
}

/// Takes groups of together at most `size` images, from the end, passing over larger ones.
fn take_groups(groups: &mut Vec<Group>, size: usize, taken: &mut Vec<u32>) {
    let mut left = size;
    let mut kept = Vec::new();
    while left > 0
        && let Some(group) = groups.pop()
    {
        if group.len() <= left {
            left -= group.len();
            taken.extend(group);
        } else {
            kept.push(group);
        }
    }
    groups.extend(kept.into_iter().rev());
}
