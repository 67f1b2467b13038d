//! What a decision takes of the allocator: nothing, neither in memory nor from bytes to bytes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use llm_breaker::outcome::{Category, Outcome};
use llm_breaker_benches::sample::Sample;

const CALLS: u32 = 1_000;

struct Counting;

thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes on to the system's allocator, unchanged.
#[allow(unsafe_code, reason = "an allocator can be counted in no other way")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.with(|taken| taken.set(taken.get() + 1));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many allocations so many calls take, once the memory that is reused is there.
fn taken_by<T>(mut act: impl FnMut() -> T) -> u64 {
    drop(act());
    let before = TAKEN.with(Cell::get);
    (0..CALLS).for_each(|_| drop(act()));
    TAKEN.with(Cell::get) - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(taken_by(|| std::hint::black_box(Box::new(1))), u64::from(CALLS));
}

#[test]
fn no_decision_allocates() {
    let success = Outcome::of(Category::Success);
    let mut closed = Sample::closed();
    assert_eq!(taken_by(|| closed.call(&success)), 0, "admit and record");
    let mut open = Sample::open();
    assert_eq!(taken_by(|| open.admit()), 0, "reject");
    let mut sample = Sample::closed();
    assert_eq!(taken_by(|| sample.admit_from_bytes()), 0, "bytes, admit");
    assert_eq!(taken_by(|| sample.record_in_bytes(&success)), 0, "bytes, record, bytes");
    assert_eq!(taken_by(|| open.admit_from_bytes()), 0, "bytes, reject");
}
