//! The stats of one process, with Envoy's rules on ids, offsets and repeated definitions.

use std::collections::BTreeMap;

use super::status::Status;

/// One stat under its raw name, labels included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Only grows.
    Counter(u64),
    /// Holds the last value written by any VM.
    Gauge(u64),
    /// All samples, in the order of recording.
    Histogram(Vec<u64>),
}

impl Metric {
    fn of_kind(kind: u32) -> Option<Self> {
        match kind {
            0 => Some(Self::Counter(0)),
            1 => Some(Self::Gauge(0)),
            2 => Some(Self::Histogram(Vec::new())),
            _ => None,
        }
    }
}

/// The values, which all VMs of the process share. Kind and name together are the identity.
#[derive(Debug, Default)]
pub(crate) struct Stats(BTreeMap<(u32, String), Metric>);

impl Stats {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Metric)> {
        self.0.iter().map(|((_, name), metric)| (name.as_str(), metric))
    }
}

/// The ids that one VM was given. Defining a name again gives a new id for the same stat.
#[derive(Debug, Default)]
pub(crate) struct MetricIds(BTreeMap<u32, (u32, String)>);

/// The kind is kept in an id's lowest bits, as proxy-wasm-cpp-host does.
const KIND_BITS: u32 = 2;

impl MetricIds {
    pub(crate) fn define(
        &mut self,
        stats: &mut Stats,
        kind: u32,
        name: String,
    ) -> Result<u32, Status> {
        let metric = Metric::of_kind(kind).ok_or(Status::BadArgument)?;
        let id = (self.0.len() as u32) << KIND_BITS | kind;
        stats.0.entry((kind, name.clone())).or_insert(metric);
        self.0.insert(id, (kind, name));
        Ok(id)
    }

    /// Envoy's `incrementMetric`: a counter refuses an offset of 0 or less, a histogram any.
    pub(crate) fn increment(&self, stats: &mut Stats, id: u32, offset: i64) -> Result<(), Status> {
        match self.find(stats, id)? {
            Metric::Counter(_) if offset <= 0 => Err(Status::BadArgument),
            Metric::Counter(value) | Metric::Gauge(value) => {
                *value = value.wrapping_add_signed(offset);
                Ok(())
            }
            Metric::Histogram(_) => Err(Status::BadArgument),
        }
    }

    /// Envoy's `recordMetric`: adds to a counter, sets a gauge, takes a sample.
    pub(crate) fn record(&self, stats: &mut Stats, id: u32, value: u64) -> Result<(), Status> {
        match self.find(stats, id)? {
            Metric::Counter(current) => *current += value,
            Metric::Gauge(current) => *current = value,
            Metric::Histogram(samples) => samples.push(value),
        }
        Ok(())
    }

    pub(crate) fn read(&self, stats: &mut Stats, id: u32) -> Result<u64, Status> {
        match self.find(stats, id)? {
            Metric::Counter(value) | Metric::Gauge(value) => Ok(*value),
            Metric::Histogram(_) => Err(Status::BadArgument),
        }
    }

    fn find<'s>(&self, stats: &'s mut Stats, id: u32) -> Result<&'s mut Metric, Status> {
        let key = self.0.get(&id).ok_or(Status::NotFound)?;
        stats.0.get_mut(key).ok_or(Status::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTER: u32 = 0;

    #[test]
    fn a_second_definition_is_a_new_id_of_the_same_stat() {
        let (mut stats, mut ids) = (Stats::default(), MetricIds::default());
        let first = ids.define(&mut stats, COUNTER, "c".into()).unwrap();
        let second = ids.define(&mut stats, COUNTER, "c".into()).unwrap();
        assert_ne!(first, second);
        ids.increment(&mut stats, first, 2).unwrap();
        assert_eq!(ids.read(&mut stats, second), Ok(2));
    }

    #[test]
    fn a_counter_refuses_to_shrink() {
        let (mut stats, mut ids) = (Stats::default(), MetricIds::default());
        let id = ids.define(&mut stats, COUNTER, "c".into()).unwrap();
        assert_eq!(ids.increment(&mut stats, id, 0), Err(Status::BadArgument));
        assert_eq!(ids.increment(&mut stats, id, -1), Err(Status::BadArgument));
    }

    #[test]
    fn an_unknown_id_is_not_found() {
        let (mut stats, ids) = (Stats::default(), MetricIds::default());
        assert_eq!(ids.increment(&mut stats, 4, 1), Err(Status::NotFound));
        assert_eq!(
            MetricIds::default().define(&mut stats, 9, "x".into()),
            Err(Status::BadArgument)
        );
    }
}
