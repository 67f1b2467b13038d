//! Walks the objects of a document: reads fields by rule, collects every mistake with its path.
//!
//! A field that was asked for is known; what remains when an object was read is an error. So the
//! code that reads an object is also the one list of its fields.

mod collections;

use serde_json::{Map, Value};

use super::errors::{Errors, join};
use super::rules::{Entries, OneOf, Rule};
use super::walk::{Contradiction, Fields};

/// One object of the document, while it is read.
pub(super) struct Object<'a> {
    path: String,
    fields: &'a Map<String, Value>,
    /// What can be given here, as an error names it.
    known: Vec<&'static str>,
    /// Known, but of no use to somebody who looks for a field's name.
    unnamed: Vec<&'static str>,
    errors: &'a mut Errors,
    forgiving: bool,
    values: Values,
}

/// Whether an error may repeat the values of an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    Shown,
    /// There may be a secret among them.
    Concealed,
}

// Written out at each of a hundred fields, these would take twice the room.
impl Fields for Object<'_> {
    type Below<'b> = Object<'b>;

    #[inline(never)]
    fn value<R: Rule>(&mut self, name: &'static str, into: &mut R::Out, rule: &R) {
        if let Some(value) = self.found(name)
            && let Some(read) = self.read(name, value, rule)
        {
            *into = read;
        }
    }

    #[inline(never)]
    fn optional<R: Rule>(&mut self, name: &'static str, into: &mut Option<R::Out>, rule: &R) {
        match self.raw(name) {
            None => {}
            Some(Value::Null) => *into = None,
            Some(value) => {
                if let Some(read) = self.read(name, value, rule) {
                    *into = Some(read);
                }
            }
        }
    }

    #[inline(never)]
    fn mandatory<R: Rule>(&mut self, name: &'static str, rule: &R) -> Option<R::Out> {
        let Some(value) = self.found(name) else {
            self.errors.missing(join(&self.path, name), &rule.allowed());
            return None;
        };
        self.read(name, value, rule)
    }

    fn object(&mut self, name: &'static str, read: impl FnOnce(&mut Object<'_>)) {
        if let Some(value) = self.found(name) {
            Object::enter(join(&self.path, name), value, self.errors, read);
        }
    }

    fn secrets(&mut self, name: &'static str, read: impl FnOnce(&mut Object<'_>)) {
        let Some(value) = self.found(name) else { return };
        let path = join(&self.path, name);
        match value.as_object() {
            Some(fields) => Object::walk(path, fields, Values::Concealed, self.errors, read),
            None => self.errors.concealed(path, "an object"),
        }
    }

    fn word_or_object<R: Rule>(
        &mut self,
        name: &'static str,
        into: &mut R::Out,
        word: &R,
        read: impl FnOnce(&mut Object<'_>) -> Option<R::Out>,
    ) {
        if !self.found(name).is_some_and(Value::is_object) {
            self.value(name, into, word);
            return;
        }
        self.object(name, |object| {
            if let Some(read) = read(object) {
                *into = read;
            }
        });
    }

    fn objects(
        &mut self,
        name: &'static str,
        entries: &Entries,
        read: impl FnMut(usize, &mut Object<'_>),
    ) {
        self.read_objects(name, entries, read);
    }

    fn list<R: Rule<Out: PartialEq>>(
        &mut self,
        name: &'static str,
        entries: &Entries,
        rule: &R,
    ) -> Option<Vec<R::Out>> {
        self.read_list(name, entries, rule)
    }

    fn mandatory_list<R: Rule<Out: PartialEq>>(
        &mut self,
        name: &'static str,
        entries: &Entries,
        rule: &R,
    ) -> Option<Vec<R::Out>> {
        if self.found(name).is_none() {
            self.errors.missing(join(&self.path, name), &entries.allowed());
        }
        self.read_list(name, entries, rule)
    }

    fn pairs<N: Rule<Out: PartialEq>, V: Rule>(
        &mut self,
        field: &'static str,
        max: usize,
        names: &N,
        values: &V,
    ) -> Option<Vec<(N::Out, V::Out)>> {
        self.read_pairs(field, max, names, values)
    }

    fn variants<T: Copy + PartialEq>(
        &mut self,
        name: &'static str,
        lower: Option<T>,
        rule: &OneOf<T>,
        mut read: impl FnMut(&mut Self, Option<T>),
    ) {
        let value = match (self.found(name), lower) {
            (Some(value), _) => self.read(name, value, rule),
            (None, Some(lower)) => Some(lower),
            (None, None) => self.mandatory(name, rule),
        };
        read(self, value);
    }

    fn at_least_one(&mut self, names: &[&'static str]) {
        if self.count(names) == 0 {
            self.refuse_all(&format!("at least one of {}", names.join(", ")));
        }
    }

    fn exactly_one(&mut self, names: &[&'static str]) {
        if self.count(names) != 1 {
            self.refuse_all(&format!("exactly one of {}", names.join(", ")));
        }
    }

    fn given(&mut self, name: &'static str) -> Option<&Value> {
        self.found(name)
    }

    fn is_refused(&self, name: &str) -> bool {
        self.errors.spoil(&join(&self.path, name))
    }

    fn known(&mut self, name: &'static str) {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
    }

    fn refuse(&mut self, name: &'static str, allowed: &str) {
        if let Some(value) = self.found(name) {
            self.errors.wrong(join(&self.path, name), value, allowed);
        }
    }

    fn out_of_place(&mut self, names: &[&'static str], allowed: &str) {
        self.unnamed.extend(names);
        for name in names {
            if let Some(value) = self.fields.get(*name).filter(|value| !value.is_null()) {
                self.errors.wrong(join(&self.path, name), value, allowed);
            }
        }
    }

    fn secrets_out_of_place(&mut self, name: &'static str, allowed: &str) {
        if self.found(name).is_some() {
            self.errors.concealed(join(&self.path, name), allowed);
        }
    }

    fn contradictions(&mut self, lower: &str, all: &[Contradiction]) {
        // All are looked up before any is noted, lest one of them hide another.
        let found: Vec<_> = all.iter().filter_map(|one| self.blame(lower, one)).collect();
        for (path, value, allowed) in found {
            self.errors.wrong(path, value, allowed);
        }
    }

    fn forgive_unknown(&mut self) {
        self.forgiving = true;
    }
}

impl<'a> Object<'a> {
    /// Reads the document itself.
    pub(super) fn root(
        fields: &'a Map<String, Value>,
        errors: &'a mut Errors,
        read: impl FnOnce(&mut Object<'_>),
    ) {
        Self::walk(String::new(), fields, Values::Shown, errors, read);
    }

    /// Whether the field is there and `null`.
    pub(super) fn says_null(&mut self, name: &'static str) -> bool {
        self.raw(name).is_some_and(Value::is_null)
    }

    /// Refuses this object for what its fields are together.
    fn refuse_all(&mut self, allowed: &str) {
        let fields = Value::Object(self.fields.clone());
        self.errors.wrong(self.path.clone(), &fields, allowed);
    }

    fn count(&mut self, names: &[&'static str]) -> usize {
        names.iter().filter(|name| self.found(name).is_some()).count()
    }

    fn blame<'c>(
        &self,
        lower: &str,
        contradiction: &'c Contradiction,
    ) -> Option<(String, &'a Value, &'c str)> {
        let paths = contradiction.between.iter();
        let spoilt = paths.clone().any(|path| {
            self.errors.spoil(&self.below(path))
                || self.lookup(path).is_none() && self.errors.spoil(&format!("{lower}.{path}"))
        });
        let (path, value) = paths.into_iter().find_map(|path| Some((path, self.lookup(path)?)))?;
        (!spoilt).then(|| (self.below(path), value, contradiction.allowed.as_str()))
    }

    fn enter(path: String, value: &Value, errors: &mut Errors, read: impl FnOnce(&mut Object<'_>)) {
        match value.as_object() {
            Some(fields) => Object::walk(path, fields, Values::Shown, errors, read),
            None => errors.wrong(path, value, "an object"),
        }
    }

    fn walk(
        path: String,
        fields: &Map<String, Value>,
        values: Values,
        errors: &mut Errors,
        read: impl FnOnce(&mut Object<'_>),
    ) {
        let (known, unnamed) = (Vec::new(), Vec::new());
        let mut object = Object { path, fields, known, unnamed, errors, forgiving: false, values };
        read(&mut object);
        if !object.forgiving {
            object.refuse_unknown();
        }
    }

    fn refuse_unknown(&mut self) {
        for (name, value) in self.fields {
            if !self.known.contains(&name.as_str()) && !self.unnamed.contains(&name.as_str()) {
                let path = join(&self.path, name);
                let known = self.known.join(", ");
                match self.values {
                    Values::Shown => self.errors.unknown(path, value, &known),
                    Values::Concealed => self.errors.unknown_concealed(path, &known),
                }
            }
        }
    }

    /// What stands there, if it is not `null`.
    #[inline(never)]
    fn found(&mut self, name: &'static str) -> Option<&'a Value> {
        self.raw(name).filter(|value| !value.is_null())
    }

    fn raw(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known(name);
        self.fields.get(name)
    }

    fn read<R: Rule>(&mut self, name: &str, value: &Value, rule: &R) -> Option<R::Out> {
        let read = rule.read(value);
        if read.is_none() {
            let path = join(&self.path, name);
            match self.values {
                Values::Shown => self.errors.wrong(path, value, &rule.allowed()),
                Values::Concealed => self.errors.concealed(path, &rule.allowed()),
            }
        }
        read
    }

    fn lookup(&self, path: &str) -> Option<&'a Value> {
        let (first, rest) = path.split_once('.').map_or((path, None), |(a, b)| (a, Some(b)));
        let value = self.fields.get(first)?;
        rest.map_or(Some(value), |name| value.get(name)).filter(|value| !value.is_null())
    }

    fn below(&self, path: &str) -> String {
        format!("{}.{path}", self.path)
    }
}
