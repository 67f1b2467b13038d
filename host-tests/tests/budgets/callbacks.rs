//! What does the dearest callback of the VM cost that speaks for a proxy in a fleet, whatever others
//! write into the store? Requests of its thread wait as long.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use llm_breaker::fleet::etcd::messages::{EventType, Header, KeyValue, StoreEvent, WatchResponse};
use llm_breaker_host_tests::host::{Module, Request, Response, Spent, VmName, World};
use prost::Message;
use serde_json::{Value, json};

use crate::store::{Health, Store};

/// 5 ms on a machine that executes one instruction of the module in each nanosecond, host calls
/// included: what it took on one that is not fast is printed beside it.
const MOST_INSTRUCTIONS: u64 = 5_000_000;
/// As for paths.
const TOLERANCE: f64 = 0.05;
/// So long a host call that shows the clock is said to take, so that what is bounded by time is.
const LOOK: Duration = Duration::from_micros(500);

/// What its VM may take of memory, through all of this.
const MOST_BYTES: usize = 2 << 20;

const MODULE: &str = "llm_breaker_fleet";
const CLUSTER: &str = "openai";
const MODELS: &str = "/llm-breaker/v1/acme";
/// As many records as are read.
const RECORDS: usize = 4_096;

/// Something that happens to that VM at its worst.
struct Hardship {
    name: &'static str,
    before: fn(&Scene),
    /// What is measured.
    during: fn(&Scene),
}

const NOTHING: fn(&Scene) = |_| ();

const HARDSHIPS: [Hardship; 12] = [
    Hardship {
        name: "4,096 words on one breaker are read",
        before: NOTHING,
        during: |scene| {
            scene.words_on_one();
            scene.connect();
        },
    },
    Hardship {
        name: "4,096 words on one breaker, time passes",
        before: |scene| {
            scene.words_on_one();
            scene.connect();
        },
        during: |scene| scene.pass(Duration::from_secs(3)),
    },
    Hardship {
        name: "4,096 words on one breaker, and 256 kB of them are watched",
        before: |scene| {
            scene.words_on_one();
            scene.connect();
        },
        during: |scene| scene.push(&many_words(CLUSTER, 1_800)),
    },
    Hardship {
        name: "4,096 words on others' breakers are read",
        before: NOTHING,
        during: |scene| {
            scene.words_on_many("unheard-of");
            scene.connect();
        },
    },
    Hardship {
        name: "4,096 words on others' breakers, time passes",
        before: |scene| {
            scene.words_on_many("unheard-of");
            scene.connect();
        },
        during: |scene| scene.pass(Duration::from_secs(3)),
    },
    Hardship {
        name: "4,096 words on parts of one cluster are read",
        before: NOTHING,
        during: |scene| {
            scene.words_on_many("openai%1Fgpt");
            scene.connect();
        },
    },
    Hardship {
        name: "4,096 words on parts of one cluster, time passes",
        before: |scene| {
            scene.words_on_many("openai%1Fgpt");
            scene.connect();
        },
        during: |scene| scene.pass(Duration::from_secs(3)),
    },
    Hardship {
        name: "4,096 turns and orders are read",
        before: NOTHING,
        during: |scene| {
            scene.turns_and_orders();
            scene.connect();
            scene.pass(Duration::from_secs(3));
        },
    },
    Hardship {
        name: "the store is lost after all that",
        before: |scene| {
            scene.words_on_many("openai%1Fgpt");
            scene.turns_and_orders();
            scene.connect();
        },
        during: |scene| {
            scene.store.health(Health::Down);
            scene.pass(Duration::from_secs(1));
        },
    },
    Hardship {
        name: "messages that are none",
        before: Scene::connect,
        during: |scene| {
            for byte in [0x0a, 0x12, 0x5a, 0xff, 0] {
                scene.push(&vec![byte; 256 * 1024]);
                scene.connect();
            }
        },
    },
    Hardship {
        name: "values of 64 kB, a message of 4 MB",
        before: Scene::connect,
        during: |scene| {
            for value in
                ["[".repeat(65_536), "x".repeat(65_536), format!("{{{}", "\"a\":{".repeat(13_000))]
            {
                let key = format!("{MODELS}/{CLUSTER}/d/n");
                scene.store.put(&scene.world, &key, &value, Some(600));
                scene.pass(Duration::from_millis(200));
            }
            scene.push(&vec![0x5a; 4 << 20]);
            scene.connect();
        },
    },
    Hardship {
        name: "a full queue is read",
        before: Scene::connect,
        during: |scene| {
            for _ in 0..256 {
                scene.world.enqueue_everywhere(b"\x01\x03openai");
            }
            scene.pass(Duration::from_secs(1));
        },
    },
];

struct Scene {
    world: World,
    store: Store,
}

impl Scene {
    fn of(module: &Module) -> Self {
        let fleet = json!({"cluster": "etcd", "scope": "acme", "reconnect_max": "2s"});
        let configuration = json!({"fleet": fleet, "defaults": {"key_by": "model", "models": ["gpt*"]},
            "breakers": [{"cluster": CLUSTER}]});
        let world =
            World::running(module).grpc_cluster("etcd").configuration(configuration).start();
        let scene = Self { world, store: Store::default() };
        let call = scene.world.worker(0).request(Request::post("/v1/models").cluster(CLUSTER));
        call.upstream_answers(Response::status(200));
        scene.world.each_look_at_the_clock_takes(LOOK);
        scene
    }

    /// Only this worker's VM ticks, so it is the one that keeps the connection.
    fn pass(&self, duration: Duration) {
        for _ in 0..duration.as_millis() / 100 {
            self.world.advance(Duration::from_millis(100));
            self.world.tick_on(VmName::Worker(0));
            self.store.serve(&self.world);
        }
    }

    fn connect(&self) {
        for _ in 0..200 {
            self.pass(Duration::from_millis(100));
            if self.world.gauge("llm_circuit_breaker_fleet_connected") == 1 {
                return;
            }
        }
        panic!("it does not get in touch with the store");
    }

    fn put_word(&self, breaker: &str, number: usize) {
        let key = format!("{MODELS}/{breaker}/domain-{number:04}/node");
        self.store.put(&self.world, &key, &word(), Some(3_000));
    }

    fn words_on_one(&self) {
        (0..RECORDS).for_each(|number| self.put_word(CLUSTER, number));
    }

    fn words_on_many(&self, breaker: &str) {
        (0..RECORDS).for_each(|number| self.put_word(&format!("{breaker}-{number:04}"), number));
    }

    fn turns_and_orders(&self) {
        for number in 0..RECORDS / 2 {
            let breaker = format!("acme/openai%1Fgpt-x{number:04}");
            let key = format!("/llm-breaker/turn/v1/{breaker}");
            self.store.put(&self.world, &key, "d/n", Some(3_000));
            let key = format!("/llm-breaker/override/v1/{breaker}");
            let order = json!({"mode": "forced_open", "remaining_ms": 3_000_000}).to_string();
            self.store.put(&self.world, &key, &order, Some(3_000));
        }
    }

    /// The store says this on the stream, whatever it is.
    fn push(&self, message: &[u8]) {
        for stream in self.world.grpc_streams() {
            self.world.push(&stream, message);
        }
        self.pass(Duration::from_millis(500));
    }

    /// The dearest callback so far, by what it cost.
    fn dearest<T: Ord + Copy>(&self, cost: impl Fn(&Spent) -> T) -> (String, T) {
        let spent = self.world.spent(0);
        let costs = spent.iter().map(|(name, spent)| (name.clone(), cost(spent)));
        costs.max_by_key(|(_, cost)| *cost).expect("there was a callback")
    }
}

fn word() -> String {
    json!({"state": "open", "basis": "observed", "reason": "server_error", "remaining_ms": 3_000_000})
        .to_string()
}

/// A message with so many words on one breaker, each of another domain.
fn many_words(breaker: &str, count: usize) -> Vec<u8> {
    let events = (0..count).map(|number| StoreEvent {
        r#type: EventType::Put.into(),
        kv: Some(KeyValue {
            key: format!("{MODELS}/{breaker}/domain-{number:04}/node").into(),
            value: word().into(),
            mod_revision: 1_000_000,
            ..KeyValue::default()
        }),
    });
    let header = Some(Header { cluster_id: 0xcafe, revision: 1_000_000 });
    let message = WatchResponse { header, events: events.collect(), ..WatchResponse::default() };
    let bytes = message.encode_to_vec();
    assert!((200 * 1024..=256 * 1024).contains(&bytes.len()), "{} bytes", bytes.len());
    bytes
}

impl Hardship {
    fn endured(&self, module: &Module) -> Scene {
        let scene = Scene::of(module);
        (self.before)(&scene);
        scene.world.forget_spent(0);
        (self.during)(&scene);
        scene
    }
}

/// The instructions of each one's dearest callback; half of them at a time.
fn measured() -> BTreeMap<&'static str, u64> {
    let of_some = |some: &[Hardship]| -> Vec<_> {
        let of_one = |hardship: &Hardship| {
            let scene = hardship.endured(&Module::metered(MODULE));
            let (callback, instructions) = scene.dearest(|spent| spent.most);
            let (name, bytes) = (hardship.name, scene.world.memory_bytes(0));
            println!("{name}: {instructions} instructions ({callback}), {} KiB", bytes >> 10);
            assert!(bytes <= MOST_BYTES, "{name}: {bytes} bytes");
            (hardship.name, instructions)
        };
        some.iter().map(of_one).collect()
    };
    let (some, others) = HARDSHIPS.split_at(HARDSHIPS.len() / 2);
    std::thread::scope(|scope| {
        let beside = scope.spawn(|| of_some(others));
        let measured = of_some(some);
        measured.into_iter().chain(beside.join().expect("they are endured")).collect()
    })
}

#[test]
fn no_callback_of_a_fleet_takes_longer_than_requests_may_wait() {
    let measured = measured();
    let dearest = HARDSHIPS.iter().max_by_key(|it| measured[it.name]).expect("there are some");
    let (callback, longest) =
        dearest.endured(&Module::optimized(MODULE)).dearest(|spent| spent.longest);
    println!("the dearest of them took {longest:.1?} on this machine ({callback})");
    let over = measured.iter().filter(|(_, most)| **most > MOST_INSTRUCTIONS);
    let over: Vec<_> = over.collect();
    assert!(over.is_empty(), "longer than any may take: {over:#?}");
    if crate::budgets_move() {
        let text = serde_json::to_string_pretty(&measured).expect("a document");
        return std::fs::write(file(), text + "\n").expect("the budgets can be written");
    }
    let text = std::fs::read_to_string(file()).expect("callbacks.json is committed");
    let budgets: BTreeMap<String, Value> = serde_json::from_str(&text).expect("an object");
    let exceeds = |(name, most): &(&&str, &u64)| {
        let budget = budgets.get(**name).and_then(Value::as_f64).unwrap_or_default();
        **most as f64 > budget * (1.0 + TOLERANCE)
    };
    let grown: Vec<_> = measured.iter().filter(exceeds).collect();
    assert!(grown.is_empty(), "dearer than budgeted in {budgets:#?}: {grown:#?}");
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/budgets/callbacks.json")
}
