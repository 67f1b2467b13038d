//! The one file that calls the host. Every function is total: bytes in, a value or `None` out.
//!
//! The SDK's own host calls panic on a status that they do not expect, and its `String` getters on
//! a value that is not UTF-8; one panic ends every stream of the worker. So the imports are
//! declared here again, and whatever the host answers but success is `None`. Beneath it are the
//! calls that only a fleet needs.
#![allow(unsafe_code, reason = "the host is called through C functions")]

#[cfg(fleet)]
pub(super) mod grpc;
#[cfg(fleet)]
pub(super) mod queue;

use crate::fallback::Reply;
use crate::pairs;
use crate::shared::{Cell, Loaded, Stored, cas_of};
use crate::stats::Kind;
use crate::time::Instant;
use core::ptr::null_mut;
use core::time::Duration;
use std::time::SystemTime;

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const BAD_ARGUMENT: u32 = 2;
const CAS_MISMATCH: u32 = 8;

/// The code details of our answers in an upstream's place, as access logs show them.
const REPLY_DETAILS: &str = "llm_breaker_open";
const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const PLUGIN_CONFIGURATION: u32 = 7;
const CLOCK_MONOTONIC: u32 = 1;
const RESPONSE_STREAM: u32 = 1;
/// Where no buffer reaches: Envoy appends what starts there.
const BEHIND_ALL: usize = i32::MAX as usize;
const NO_GRPC_STATUS: i32 = -1;

#[rustfmt::skip]
unsafe extern "C" {
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_get_header_map_value(map: u32, key: *const u8, key_size: usize, value: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_replace_header_map_value(map: u32, key: *const u8, key_size: usize, value: *const u8, value_size: usize) -> u32;
    fn proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize) -> u32;
    fn proxy_set_buffer_bytes(buffer: u32, start: usize, size: usize, bytes: *const u8, bytes_size: usize) -> u32;
    fn proxy_close_stream(stream: u32) -> u32;
    fn proxy_log(level: u32, text: *const u8, size: usize) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_get_property(path: *const u8, path_size: usize, value: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize) -> u32;
    fn proxy_call_foreign_function(name: *const u8, name_size: usize, arguments: *const u8, arguments_size: usize, results: *mut *mut u8, results_size: *mut usize) -> u32;
    fn proxy_get_header_map_pairs(map: u32, pairs: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_buffer_bytes(buffer: u32, start: usize, max: usize, bytes: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_shared_data(key: *const u8, key_size: usize, value: *mut *mut u8, size: *mut usize, cas: *mut u32) -> u32;
    fn proxy_set_shared_data(key: *const u8, key_size: usize, value: *const u8, size: usize, cas: u32) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, size: usize, metric: *mut u32) -> u32;
    fn proxy_record_metric(metric: u32, value: u64) -> u32;
    fn proxy_increment_metric(metric: u32, offset: i64) -> u32;
    fn proxy_get_metric(metric: u32, value: *mut u64) -> u32;
    fn proxy_send_local_response(status: u32, details: *const u8, details_size: usize, body: *const u8, body_size: usize, headers: *const u8, headers_size: usize, grpc_status: i32) -> u32;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn clock_time_get(clock: u32, precision: u64, time: *mut u64) -> u32;
}

/// How grave a log line is.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum Level {
    Info = 2,
    Warn = 3,
    Error = 4,
}

/// Which header map; each may be read in its own callback only.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum Map {
    RequestHeaders = 0,
    ResponseHeaders = 2,
    ResponseTrailers = 3,
}

/// A stat that the host keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Metric(u32);

pub(super) fn log(level: Level, line: &str) {
    // SAFETY: the pointer and size are those of a live string, which the host only reads.
    unsafe { proxy_log(level as u32, line.as_ptr(), line.len()) };
}

/// The monotonic clock: the same for all threads of the process. `Instant` of the standard library
/// reads it too, but cannot be written to shared data.
pub(super) fn now() -> Instant {
    let mut time = 0;
    // SAFETY: the host writes one u64 where it is told to.
    unsafe { clock_time_get(CLOCK_MONOTONIC, 0, &mut time) };
    Instant::from_nanos(time)
}

/// The wall clock, which may step: only to understand an HTTP date.
pub(super) fn wall_clock() -> SystemTime {
    let mut time = 0;
    // SAFETY: the host writes one u64 where it is told to.
    unsafe { proxy_get_current_time_nanoseconds(&mut time) };
    SystemTime::UNIX_EPOCH + Duration::from_nanos(time)
}

pub(super) fn set_tick_period(period: Duration) {
    let milliseconds = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
    // SAFETY: no pointer is involved.
    unsafe { proxy_set_tick_period_milliseconds(milliseconds) };
}

pub(super) fn plugin_configuration() -> Option<Vec<u8>> {
    let read = |value: *mut *mut u8, size: *mut usize| {
        // SAFETY: the host writes one pointer and one size where it is told to.
        unsafe { proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, usize::MAX, value, size) }
    };
    returned(read)
}

/// Bytes of the piece of the answer's body that its callback is about; fewer if it has fewer.
pub(super) fn response_body(start: usize, size: usize) -> Option<Vec<u8>> {
    body(RESPONSE_BODY, start, size)
}

/// Bytes of the request's body: of all that came while it is held, else of the piece that its
/// callback is about; fewer if it has fewer.
pub(super) fn request_body(start: usize, size: usize) -> Option<Vec<u8>> {
    body(REQUEST_BODY, start, size)
}

fn body(buffer: u32, start: usize, size: usize) -> Option<Vec<u8>> {
    let read = |value: *mut *mut u8, length: *mut usize| {
        // SAFETY: the host writes one pointer and one size where it is told to.
        unsafe { proxy_get_buffer_bytes(buffer, start, size, value, length) }
    };
    returned(read)
}

/// What a property's bytes are; `None` if it is absent. The elements of the path end in zero bytes
/// but for the last, as the host reads them.
pub(super) fn property(path: &str) -> Option<Vec<u8>> {
    returned(|value, size| get_property(path, value, size))
}

/// As [`property`], but no bytes where the property is there and the host cannot tell it: so it is
/// with `null` in a cluster's metadata.
pub(super) fn metadata_property(path: &[&str]) -> Option<Vec<u8>> {
    let path = path.join("\0");
    let mut status = OK;
    let value = returned(|value, size| {
        status = get_property(&path, value, size);
        status
    });
    if status == OK || status == NOT_FOUND { value } else { Some(Vec::new()) }
}

/// Give a property of the stream a value, which its access log finds in the filter state.
pub(super) fn set_property(name: &str, value: &[u8]) {
    // SAFETY: the pointers and sizes are those of live buffers, which the host only reads.
    unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) };
}

/// Have access logs show a property of streams as the `google.protobuf.Struct` that its bytes are;
/// whether they do.
pub(super) fn declare_struct(name: &str) -> bool {
    const FUNCTION: &str = "declare_property";
    let arguments = struct_declaration(name);
    let mut status = NOT_FOUND;
    let _ = returned(|results, size| {
        // SAFETY: the host reads two live buffers and writes one pointer and one size where it is
        // told to.
        status = unsafe {
            proxy_call_foreign_function(
                FUNCTION.as_ptr(),
                FUNCTION.len(),
                arguments.as_ptr(),
                arguments.len(),
                results,
                size,
            )
        };
        status
    });
    // A second listener's plugin with the same configuration has declared it already.
    status == OK || status == BAD_ARGUMENT
}

/// Envoy's `DeclarePropertyArguments` on the wire.
fn struct_declaration(name: &str) -> Vec<u8> {
    const STRUCT: &str = "type.googleapis.com/google.protobuf.Struct";
    const NAME: u8 = 0x0a;
    const TYPE: u8 = 0x18;
    const PROTOBUF: u8 = 3;
    const SCHEMA: u8 = 0x22;
    // Both texts are shorter than the 128 bytes from which a length takes two.
    let mut arguments = vec![NAME, name.len() as u8];
    arguments.extend_from_slice(name.as_bytes());
    arguments.extend_from_slice(&[TYPE, PROTOBUF, SCHEMA, STRUCT.len() as u8]);
    arguments.extend_from_slice(STRUCT.as_bytes());
    arguments
}

/// How Envoy came by the answer: `via_upstream`, or why it gave one itself.
pub(super) fn response_code_details() -> Vec<u8> {
    property("response\0code_details").unwrap_or_default()
}

/// Envoy's response flags; none if it does not say.
pub(super) fn response_flags() -> u64 {
    property("response\0flags")
        .and_then(|flags| flags.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}

/// All headers of a map, in proxy-wasm's encoding; empty if the map is gone.
pub(super) fn headers(map: Map) -> Vec<u8> {
    let read = |value: *mut *mut u8, size: *mut usize| {
        // SAFETY: the host writes one pointer and one size where it is told to.
        unsafe { proxy_get_header_map_pairs(map as u32, value, size) }
    };
    returned(read).unwrap_or_default()
}

/// From now on host calls are about this stream; whether there is one.
pub(super) fn set_effective_context(context: u32) -> bool {
    // SAFETY: no pointer is involved.
    let status = unsafe { proxy_set_effective_context(context) };
    status == OK
}

/// A header of this map; `None` if it is absent or empty, or the map is out of reach.
pub(super) fn header(map: Map, name: &str) -> Option<Vec<u8>> {
    returned(|value, size| get_header(map, name, value, size))
}

/// Whether this map has this header, if only an empty one.
pub(super) fn has_header(map: Map, name: &str) -> bool {
    let mut status = NOT_FOUND;
    let _ = returned(|value, size| {
        status = get_header(map, name, value, size);
        status
    });
    status == OK
}

/// Give a header this one value; whether the host did.
pub(super) fn set_header(map: Map, name: &str, value: &str) -> bool {
    // SAFETY: the pointers and sizes are those of live strings, which the host only reads.
    let status = unsafe {
        proxy_replace_header_map_value(
            map as u32,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    };
    status == OK
}

/// Take a header away, if it is there.
pub(super) fn remove_header(map: Map, name: &str) {
    // SAFETY: the pointer and size are those of a live string, which the host only reads.
    unsafe { proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) };
}

/// Send these bytes in place of the held body of the request, at its end; whether the host will.
pub(super) fn replace_request_body(bytes: &[u8]) -> bool {
    set_body(REQUEST_BODY, 0, bytes)
}

/// Send these bytes behind the piece of the answer that the callback is about.
pub(super) fn append_response_body(bytes: &[u8]) {
    set_body(RESPONSE_BODY, BEHIND_ALL, bytes);
}

fn set_body(buffer: u32, start: usize, bytes: &[u8]) -> bool {
    // SAFETY: the pointer and size are those of a live buffer, which the host only reads.
    let status =
        unsafe { proxy_set_buffer_bytes(buffer, start, usize::MAX, bytes.as_ptr(), bytes.len()) };
    status == OK
}

/// Let a held answer go.
pub(super) fn continue_response() {
    // SAFETY: no pointer is involved.
    unsafe { proxy_continue_stream(RESPONSE_STREAM) };
}

/// Break the answer off.
pub(super) fn close_response() {
    // SAFETY: no pointer is involved.
    unsafe { proxy_close_stream(RESPONSE_STREAM) };
}

/// Answer the request; whether the host took the answer.
pub(super) fn reply(reply: &Reply) -> bool {
    reply_as(reply, REPLY_DETAILS)
}

/// The same with other code details.
pub(super) fn reply_as(reply: &Reply, details: &str) -> bool {
    let headers: Vec<(&str, &str)> =
        reply.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let grpc_status = reply.grpc_status.and_then(|status| i32::try_from(status).ok());
    let headers = pairs::encode(&headers);
    // SAFETY: the pointers and sizes are those of live buffers, which the host only reads.
    let status = unsafe {
        proxy_send_local_response(
            reply.status,
            details.as_ptr(),
            details.len(),
            reply.body.as_ptr(),
            reply.body.len(),
            headers.as_ptr(),
            headers.len(),
            grpc_status.unwrap_or(NO_GRPC_STATUS),
        )
    };
    status == OK
}

pub(super) fn define_metric(kind: Kind, name: &str) -> Option<Metric> {
    let kind = match kind {
        Kind::Counter => 0,
        Kind::Gauge => 1,
        Kind::Histogram => 2,
    };
    let mut metric = 0;
    // SAFETY: the host reads a live string and writes one u32 where it is told to.
    let status = unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &mut metric) };
    (status == OK).then_some(Metric(metric))
}

/// Set a gauge, or add a sample to a histogram.
pub(super) fn record_metric(metric: Metric, value: u64) {
    // SAFETY: no pointer is involved.
    unsafe { proxy_record_metric(metric.0, value) };
}

pub(super) fn increment_metric(metric: Metric, by: u32) {
    // SAFETY: no pointer is involved.
    unsafe { proxy_increment_metric(metric.0, i64::from(by)) };
}

/// What a counter or gauge has come to, by all VMs of the process.
pub(super) fn metric_value(metric: Metric) -> Option<u64> {
    let mut value = 0;
    // SAFETY: the host writes one u64 where it is told to.
    let status = unsafe { proxy_get_metric(metric.0, &mut value) };
    (status == OK).then_some(value)
}

/// The process's shared data.
pub(super) struct SharedData;

impl Cell for SharedData {
    fn load(&self, key: &str) -> Loaded {
        let mut version = 0;
        let mut status = OK;
        let value = returned(|value, size| {
            // SAFETY: the host reads a live string and writes a pointer, a size and a u32 where it
            // is told to.
            status = unsafe {
                proxy_get_shared_data(key.as_ptr(), key.len(), value, size, &mut version)
            };
            status
        });
        match (status, value) {
            (NOT_FOUND, _) => Loaded::Absent,
            (OK, value) => Loaded::Found(value.unwrap_or_default(), version),
            _ => Loaded::Unavailable,
        }
    }

    fn store(&self, key: &str, value: &[u8], version: Option<u32>) -> Stored {
        let cas = cas_of(version);
        // SAFETY: the pointers and sizes are those of live buffers, which the host only reads.
        let status = unsafe {
            proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas)
        };
        match status {
            OK => Stored::Done,
            CAS_MISMATCH => Stored::Conflict,
            _ => Stored::Unavailable,
        }
    }
}

fn get_header(map: Map, name: &str, value: *mut *mut u8, size: *mut usize) -> u32 {
    // SAFETY: the host reads a live string and writes one pointer and one size where it is told to.
    unsafe { proxy_get_header_map_value(map as u32, name.as_ptr(), name.len(), value, size) }
}

fn get_property(path: &str, value: *mut *mut u8, size: *mut usize) -> u32 {
    // SAFETY: the host reads a live string and writes one pointer and one size where it is told to.
    unsafe { proxy_get_property(path.as_ptr(), path.len(), value, size) }
}

/// The bytes that a call returns; `None` if it does not succeed or returns none at all.
fn returned(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Option<Vec<u8>> {
    let mut bytes = null_mut();
    let mut size = 0;
    let status = call(&mut bytes, &mut size);
    if status != OK || bytes.is_null() {
        return None;
    }
    // SAFETY: the host asked the SDK's `proxy_on_memory_allocate` for exactly `size` bytes, a boxed
    // slice, wrote them, and does not keep the pointer.
    Some(unsafe { Vec::from_raw_parts(bytes, size, size) })
}
