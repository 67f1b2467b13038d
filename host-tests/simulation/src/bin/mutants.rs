//! `make simulate-mutants`: does the simulation notice faults? Each is planted in a copy of the
//! filter, one at a time, and must be caught by a run.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// More runs than any of them needs.
const RUNS: &str = "2000";

/// A fault, and how it is planted.
struct Fault {
    name: &'static str,
    file: &'static str,
    /// What stands there once.
    right: &'static str,
    wrong: &'static str,
}

const FAULTS: [Fault; 14] = [
    Fault {
        name: "epoch check dropped",
        file: "breaker/mod.rs",
        right: "Some(permit) if permit.epoch == self.epoch => settling.settle",
        wrong: "Some(permit) => settling.settle",
    },
    Fault {
        name: "one probe too many",
        file: "breaker/mod.rs",
        right: "leases.deadlines().len() < slots.min(MAX_PROBES)",
        wrong: "leases.deadlines().len() <= slots.min(MAX_PROBES)",
    },
    Fault {
        name: "create with cas 0",
        file: "shared/cell.rs",
        right: "None => u32::MAX,",
        wrong: "None => 0,",
    },
    Fault {
        name: "ignored probe keeps its slot",
        file: "breaker/settle.rs",
        right: "            leases.release(lease);",
        wrong: "            if self.outcome.verdict(self.policy) != Verdict::Ignore { leases.release(lease); }",
    },
    Fault {
        name: "expired window buckets still counted",
        file: "breaker/window.rs",
        right: "self.head.total = self.head.total.minus(bucket.tally);",
        wrong: "",
    },
    Fault {
        name: "stale result closes",
        file: "breaker/mod.rs",
        right: "            _ => settling.lengthen(self),",
        wrong: "            Some(permit) if self.state.name() == StateName::HalfOpen => \
                settling.settle(self, permit.kind),\n            _ => settling.lengthen(self),",
    },
    Fault {
        name: "announced reset shortened",
        file: "breaker/settle.rs",
        right: "self.now < *until && announced > *until",
        wrong: "self.now < *until && announced != *until",
    },
    Fault {
        name: "lease never expires",
        file: "breaker/leases.rs",
        right: "find(|held| *held <= now)",
        wrong: "find(|held| *held <= now && *held == Instant::ZERO)",
    },
    Fault {
        name: "back-off not reset",
        file: "breaker/mod.rs",
        right: "            self.trips = 0;",
        wrong: "",
    },
    Fault {
        name: "state change counted by the loser of a race",
        file: "shared/cell.rs",
        right: "Stored::Conflict => {}",
        wrong: "Stored::Conflict => return Swapped { decided: Some(decided), conflicts: conflicts + 1 },",
    },
    Fault {
        name: "open deadline compared the wrong way round at equality",
        file: "breaker/mod.rs",
        right: "State::Open { until, .. } if now < until =>",
        wrong: "State::Open { until, .. } if now <= until =>",
    },
    Fault {
        name: "record of another layout accepted",
        file: "shared/frame.rs",
        right: "*stored == head(kind)",
        wrong: "stored.last_chunk::<2>() == head(kind).last_chunk()",
    },
    Fault {
        name: "a call's other permit kept when one breaker refuses",
        file: "admission/mod.rs",
        right: "give_back(worker, forwarded.shares, policy, now);",
        wrong: "",
    },
    Fault {
        name: "a provider's failure told to a model's breaker",
        file: "level.rs",
        right: "(Self::Sole, _) | (Self::Part, false)",
        wrong: "(Self::Sole, _) | (Self::Part, _)",
    },
];

fn main() -> ExitCode {
    match catch_all() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(escaped) => {
            println!("{escaped} of {} faults escaped", FAULTS.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// How many were not caught.
fn catch_all() -> Result<usize, Box<dyn Error>> {
    let copy = Copy::of(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?)?;
    let sound = copy.run("as it is")?;
    if let Some(failed) = sound {
        return Err(format!("without a fault: {failed}").into());
    }
    let mut escaped = 0;
    println!("{:56}caught by", "fault");
    for fault in &FAULTS {
        let path = copy.place.join("filter/src").join(fault.file);
        let sound = fs::read_to_string(&path)?;
        if sound.matches(fault.right).count() != 1 {
            return Err(format!("{}: not once in {}", fault.right, fault.file).into());
        }
        fs::write(&path, sound.replacen(fault.right, fault.wrong, 1))?;
        let caught = copy.run(fault.name);
        fs::write(&path, sound)?;
        match caught? {
            Some(failed) => println!("{:56}{failed}", fault.name),
            None => {
                println!("{:56}nothing", fault.name);
                escaped += 1;
            }
        }
    }
    Ok(escaped)
}

/// A copy of what the simulation needs, to plant faults in.
struct Copy {
    place: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn of(root: PathBuf) -> Result<Self, Box<dyn Error>> {
        let place = root.join("target/mutants/copy");
        let target = root.join("target/mutants/target");
        let _ = fs::remove_dir_all(&place);
        for folder in ["filter", "host-tests/simulation"] {
            copy_folder(&root.join(folder), &place.join(folder))?;
        }
        // The module packs the schema of the admin API.
        fs::create_dir_all(place.join("docs"))?;
        for file in ["Cargo.lock", "docs/admin-api.schema.json"] {
            fs::copy(root.join(file), place.join(file))?;
        }
        let workspace = fs::read_to_string(root.join("Cargo.toml"))?;
        let only_these = "members = [\"filter\", \"host-tests/simulation\"]";
        let lines = workspace.lines().map(|line| match line.split_once(" = ") {
            Some(("members", _)) => only_these,
            Some(("default-members", _)) => "",
            _ => line,
        });
        fs::write(place.join("Cargo.toml"), lines.collect::<Vec<_>>().join("\n"))?;
        Ok(Self { place, target })
    }

    /// The first line of what failed, if anything did.
    fn run(&self, name: &str) -> Result<Option<String>, Box<dyn Error>> {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--offline", "--profile", "checked"])
            .args(["--package", "llm-breaker-simulation", "--bin", "llm-breaker-simulation"])
            .env("CARGO_TARGET_DIR", &self.target)
            // It is built more often than it runs for long.
            .env("CARGO_PROFILE_CHECKED_OPT_LEVEL", "1")
            .env("RUSTFLAGS", "--cap-lints=allow")
            .current_dir(&self.place)
            .status()?;
        if !built.success() {
            return Err(format!("{name}: does not build").into());
        }
        let program = self.target.join("checked/llm-breaker-simulation");
        let run = Command::new(program).env("RUNS", RUNS).env_remove("SEED").output()?;
        let said = String::from_utf8_lossy(&run.stdout).into_owned();
        let failed = said.lines().find(|line| line.starts_with("SEED="));
        Ok(failed.map(|line| line.chars().take(100).collect()))
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
