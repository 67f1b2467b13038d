//! Reads the fields of an object that hold many values: lists, and maps with names of their own.

use super::super::errors::join;
use super::super::rules::{Entries, Rule};
use super::Object;

impl Object<'_> {
    /// Reads a list of objects, each with its index.
    pub(super) fn read_objects(
        &mut self,
        name: &'static str,
        entries: &Entries,
        mut read: impl FnMut(usize, &mut Object<'_>),
    ) {
        let Some(value) = self.found(name) else { return };
        let path = join(&self.path, name);
        let Some(list) = entries.read(value) else {
            self.errors.wrong(path, value, &entries.allowed());
            return;
        };
        for (index, entry) in list.iter().enumerate() {
            let read = |entry: &mut Object<'_>| read(index, entry);
            Object::enter(format!("{path}[{index}]"), entry, self.errors, read);
        }
    }

    /// Reads a list of values, none of them twice; `None` if it is not given or is no such list,
    /// which is noted as is every entry that is wrong.
    pub(super) fn read_list<R: Rule<Out: PartialEq>>(
        &mut self,
        name: &'static str,
        entries: &Entries,
        rule: &R,
    ) -> Option<Vec<R::Out>> {
        let value = self.found(name)?;
        let path = join(&self.path, name);
        let Some(list) = entries.read(value) else {
            self.errors.wrong(path, value, &entries.allowed());
            return None;
        };
        let mut all = Vec::with_capacity(list.len());
        for (index, entry) in list.iter().enumerate() {
            let read = rule.read(entry);
            let path = format!("{path}[{index}]");
            if read.is_none() {
                self.errors.wrong(path, entry, &rule.allowed());
            } else if let Some(first) = all.iter().position(|known| *known == read) {
                self.errors.wrong(path, entry, &format!("no repetition of {name}[{first}]"));
            }
            all.push(read);
        }
        Some(all.into_iter().flatten().collect())
    }

    /// Reads a map of at most `max` entries, no name twice; `None` if it is not given or is no such
    /// map. Its values are not repeated in an error: they may be credentials.
    pub(super) fn read_pairs<N: Rule<Out: PartialEq>, V: Rule>(
        &mut self,
        field: &'static str,
        max: usize,
        names: &N,
        values: &V,
    ) -> Option<Vec<(N::Out, V::Out)>> {
        let value = self.found(field)?;
        let path = join(&self.path, field);
        let Some(map) = value.as_object().filter(|map| map.len() <= max) else {
            self.errors.wrong(path, value, &format!("an object of at most {max} fields"));
            return None;
        };
        let mut pairs: Vec<(N::Out, V::Out)> = Vec::with_capacity(map.len());
        for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
            let path = join(&path, name);
            let name = name.as_str().into();
            match (names.read(&name), values.read(value)) {
                (None, _) => self.errors.wrong(path, &name, &names.allowed()),
                (_, None) => self.errors.concealed(path, &values.allowed()),
                (Some(read), _) if pairs.iter().any(|(known, _)| *known == read) => {
                    self.errors.wrong(path, &name, "no name twice, in whatever case");
                }
                (Some(name), Some(value)) => pairs.push((name, value)),
            }
        }
        Some(pairs)
    }
}
