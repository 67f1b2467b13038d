//! Every case of the corpus, byte by byte through the readers: does it end as it says, wherever
//! its body is split?

use super::*;
use crate::call::{Coding, MediaType, announced, error_type};
use crate::dialect::{self, Dialect, announced_by_limits};
use crate::stream::base64;
use crate::stream::splits::Random;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};

/// Bodies up to this length are split everywhere, longer ones at so many places.
const EVERYWHERE_BYTES: usize = 1500;
const PLACES: usize = 200;
/// How often each is damaged.
const ROUNDS: usize = 5;

struct Case {
    file: PathBuf,
    json: Json,
}

/// What an exchange made of a case.
#[derive(Debug, PartialEq)]
struct Told {
    category: Category,
    announced: Option<Duration>,
    /// The index of the piece with the first content.
    first_content: Option<usize>,
}

fn corpus() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let entries = |folder: &Path| {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|it| it.unwrap().path()).collect::<Vec<_>>()
    };
    let folders = entries(&root).into_iter().filter(|it| it.is_dir());
    let files = folders.flat_map(|it| entries(&it));
    files
        .map(|file| {
            let json = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            Case { file, json }
        })
        .collect()
}

impl Case {
    fn header(&self, name: &str) -> Option<&str> {
        self.json["headers"][name].as_str()
    }

    fn chunks(&self) -> Vec<Vec<u8>> {
        let texts = self.json["chunks"].as_array().unwrap().iter();
        texts
            .map(|it| it.as_str().unwrap().as_bytes())
            .map(|text| match self.json["encoding"].as_str() {
                Some("base64") => {
                    let mut bytes = Vec::new();
                    base64::Decoder::default()
                        .feed(text, &mut |decoded| bytes.extend_from_slice(decoded));
                    bytes
                }
                _ => text.to_vec(),
            })
            .collect()
    }

    fn protocol(&self) -> Protocol {
        let sent = &self.json["request_headers"];
        let request = dialect::Request {
            method: self.json["method"].as_str().unwrap(),
            path: self.json["path"].as_str().unwrap(),
            content_type: sent["content-type"].as_str(),
            accept: sent["accept"].as_str(),
            anthropic_version: sent["anthropic-version"].is_string(),
            goog: sent["x-goog-api-client"].is_string(),
        };
        Protocol::of(&Dialect::detect(&request, None), request.method)
    }

    fn head(&self) -> ResponseHead {
        let value = |name: &str| self.header(name).map(str::as_bytes);
        let date = self.header("date").unwrap_or("Thu, 01 Jan 1970 00:00:00 GMT");
        let wall_clock = || httpdate::parse_http_date(date).unwrap();
        let dialect = self.protocol().dialect;
        let status = u16::try_from(self.json["status"].as_u64().unwrap()).unwrap();
        let mut head = ResponseHead::new(status, Source::Upstream);
        head.media_type = MediaType::of(value("content-type"));
        head.coding = Coding::of(value("content-encoding"));
        head.grpc_status = value("grpc-status").map(GrpcStatus::of);
        if status >= 400 {
            head.announced = announced(value("retry-after-ms"), value("retry-after"), wall_clock);
            head.limits_reset =
                announced_by_limits(dialect, Category::RateLimited, value, wall_clock);
            head.error_type = value("x-amzn-errortype").and_then(error_type);
        }
        head
    }

    /// Plays the case with its body in these pieces.
    fn play(&self, pieces: &[&[u8]]) -> Told {
        let (policy, now) = (Policy::default(), Instant::from_nanos(1));
        let mut exchange = Exchange::begin(now, ClientTimeouts::default(), self.protocol());
        exchange.request_ended(now);
        let mut outcome = exchange.response_started(&self.head(), &policy, now);
        let mut first_content = None;
        for (index, piece) in pieces.iter().enumerate() {
            if outcome.is_none() && exchange.reads_body() {
                let seen = exchange.response_data(piece, &policy, now);
                first_content = first_content.or(seen.first_content_after.map(|_| index));
                outcome = seen.outcome;
            }
        }
        if exchange.reads_trailers() {
            let status = self.json["trailers"]["grpc-status"].as_str();
            exchange.response_trailers(status.map(|it| GrpcStatus::of(it.as_bytes())));
        }
        let broken = match self.json["ended"].as_str().unwrap() {
            "client_left" => Some(Flags::DOWNSTREAM_DISCONNECT),
            "reset" => Some(Flags::UPSTREAM_PROTOCOL_ERROR),
            _ => None,
        };
        let outcome = outcome.unwrap_or_else(|| match broken {
            Some(flags) => exchange.broken_off(Ending { flags }, &policy, now),
            None => exchange.response_ended(&policy, now).unwrap(),
        });
        Told { category: outcome.category, announced: outcome.announced, first_content }
    }

    /// What its file says.
    fn expected(&self) -> Told {
        let expected = &self.json["expected"];
        let name = expected["category"].as_str().unwrap();
        Told {
            category: Category::ALL.into_iter().find(|it| it.name() == name).unwrap(),
            announced: expected["announced_seconds"].as_f64().map(Duration::from_secs_f64),
            first_content: expected["first_content_chunk"].as_u64().map(|it| it as usize),
        }
    }
}

fn places(length: usize) -> Vec<usize> {
    if length <= EVERYWHERE_BYTES {
        return (0..=length).collect();
    }
    let mut seed = length as u64;
    let mut place = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % length
    };
    (0..PLACES).map(|_| place()).collect()
}

#[test]
fn every_case_ends_as_it_says() {
    let cases: Vec<Case> = corpus();
    assert!(cases.len() >= 120, "{}", cases.len());
    for case in cases {
        let chunks = case.chunks();
        let pieces: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        let told = case.play(&pieces);
        assert_eq!(told, case.expected(), "{}", case.file.display());
    }
}

#[test]
fn wherever_its_body_is_split() {
    for case in corpus() {
        let body = case.chunks().concat();
        let verdict = |told: Told| (told.category, told.announced);
        let expected = verdict(case.expected());
        for at in places(body.len()) {
            let (left, right) = body.split_at(at);
            let told = case.play(&[left, right]);
            assert_eq!(verdict(told), expected, "{} at {at}", case.file.display());
        }
        let bytes: Vec<&[u8]> = body.chunks(1).collect();
        assert_eq!(verdict(case.play(&bytes)), expected, "{}", case.file.display());
    }
}

/// What is damaged may mean anything, but it means the same wherever it is split.
#[test]
fn a_damaged_body_too() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for case in corpus() {
        let body = case.chunks().concat();
        for round in 0..ROUNDS {
            let mut damaged = body.clone();
            (0..=random.below(3)).for_each(|_| random.damage(&mut damaged));
            let verdict = |told: Told| (told.category, told.announced);
            let whole = verdict(case.play(&[&damaged]));
            let bytes: Vec<&[u8]> = damaged.chunks(1).collect();
            let (left, right) = damaged.split_at(random.below(damaged.len() + 1));
            for pieces in [bytes, vec![left, right]] {
                let split = verdict(case.play(&pieces));
                let text = String::from_utf8_lossy(&damaged);
                assert_eq!(split, whole, "{} round {round}: {text}", case.file.display());
            }
        }
    }
}
