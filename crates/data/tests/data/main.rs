//! Tests of the crate from outside. One program, because linking eight takes longer than running.

mod archives;
mod augment;
mod cifar;
mod common;
mod disks;
mod folders;
mod folds;
mod generated;
mod idx_sets;
mod images;
mod inspect;
mod kinds;
mod labels_csv;
mod memory;
mod prepared;
mod real;
mod splits;
mod tiny_imagenet;
mod trees;
mod zips;
