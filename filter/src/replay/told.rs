//! How are findings written as JSON, where that is not as they stand?

use crate::breaker::{OpenFor, Transition};
use crate::category::Category;
use crate::replay::findings::{Trip, Turn};
use core::time::Duration;
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

impl Serialize for Trip {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Trip", 10)?;
        fields.serialize_field("opened_unix_ms", &(self.opened_unix_ns / 1_000_000))?;
        serialize_transition::<S>(&mut fields, &self.transition, self.category)?;
        fields.serialize_field("reopened", &self.reopened)?;
        fields.serialize_field("ended_with_process", &self.ended_with_process)?;
        fields.serialize_field("length_seconds", &self.length().map(|it| it.as_secs_f64()))?;
        fields.end()
    }
}

impl Serialize for Turn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Turn", 10)?;
        fields.serialize_field("at_unix_ms", &(self.unix_ns / 1_000_000))?;
        fields.serialize_field("from", self.transition.from.as_str())?;
        fields.serialize_field("to", self.transition.to.as_str())?;
        fields.serialize_field("epoch", &self.transition.epoch)?;
        serialize_transition::<S>(&mut fields, &self.transition, self.category)?;
        fields.end()
    }
}

fn serialize_transition<S: Serializer>(
    fields: &mut S::SerializeStruct,
    transition: &Transition,
    category: Option<Category>,
) -> Result<(), S::Error> {
    let Transition { cause, open_for, .. } = transition;
    fields.serialize_field("reason", cause.name())?;
    fields.serialize_field("measured", &cause.measured())?;
    fields.serialize_field("threshold", &cause.threshold())?;
    fields.serialize_field("category", &category.map(Category::name))?;
    let open_seconds = open_for.map(|it| it.duration().as_secs_f64());
    fields.serialize_field("open_seconds", &open_seconds)?;
    let announced = open_for.map(|it| matches!(it, OpenFor::Announced(_)));
    fields.serialize_field("announced", &announced)
}

pub(super) fn as_seconds<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

pub(super) fn by_name<S: Serializer>(
    counts: &[u64; Category::ALL.len()],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let named = Category::ALL.iter().zip(counts).filter(|(_, count)| **count > 0);
    serializer.collect_map(named.map(|(category, count)| (category.name(), count)))
}
