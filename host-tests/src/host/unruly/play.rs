//! How a script is played, and what holds at its end.

use std::time::Duration;

use super::{
    super::module::Module,
    Cast, Played,
    player::{Player, Way},
    props::{CALM, Setting, afterwards},
    script::Script,
    stage::Stage,
    step::{Callback, Configured, Content, Step},
};

/// Streams that live at once.
const MAX_PLAYERS: usize = 8;
/// The memory of the VM must stay below; it begins with 1.3 MiB.
const MAX_MEMORY_BYTES: usize = 16 << 20;
/// Failures in a row that open a breaker by default, and for how long it is open.
const TRIP: usize = 5;
const OPEN: Duration = Duration::from_secs(30);

pub(super) fn play(module: &Module, cast: Cast, script: &[u8]) -> Played {
    let mut script = Script::of(script);
    let played = Setting::played(cast);
    let setting = script.pick(played).or(played.first()).copied().expect("there is one");
    let host_behaves_at_the_end = script.once_in(2).unwrap_or(true);
    let mut play =
        Play { stage: Stage::set(module, setting), players: Vec::new(), played: Played::default() };
    play.count_setting();
    while let Some(step) = Step::next(&mut script, cast) {
        play.step(step);
    }
    if host_behaves_at_the_end {
        play.behave();
        play.patience_ends();
    }
    play.finish_all();
    play.behave();
    play.is_as_good_as_new();
    let memory = play.stage.vm.memory_bytes();
    assert!(memory <= MAX_MEMORY_BYTES, "the VM's memory grew to {memory} bytes");
    play.played.refused = play.stage.refused(cast).into_iter().collect();
    play.played.edges = play.stage.vm.edges();
    play.played
}

pub(super) struct Play {
    pub(super) stage: Stage,
    pub(super) players: Vec<Player>,
    pub(super) played: Played,
}

impl Play {
    fn step(&mut self, step: Step) {
        match step {
            Step::Begin if self.players.len() < MAX_PLAYERS => {
                let player = Player::of_the_play(self.stage.setting, self.stage.now_ns());
                self.enter(player);
            }
            Step::Begin => {}
            Step::GoOn(number, content) => self.with(number, |play, who| play.go_on(who, &content)),
            Step::Disorder(number, callback, content) => {
                self.with(number, |play, who| play.call(who, callback, &content));
            }
            Step::Delete(number) => self.with(number, Self::delete),
            Step::Tick => self.tick(),
            Step::Wait(time) => self.stage.pass(time),
            Step::WallClock(now_ns) => self.stage.process.borrow_mut().wall_ns = now_ns,
            Step::Refuse(call, status, times) => self.stage.refuse(call, status, times),
            Step::Say(bytes) => self.stage.vm.state().say = Some(bytes),
            Step::Behave => self.stage.behave(),
            Step::Property(number, path, value) => self.with(number, |play, who| {
                let info = &mut play.players[who].stream.borrow_mut().info;
                info.overrides.insert(path.into(), value);
            }),
            Step::Damage(number, damage) => self.stage.damage(number, &damage),
            Step::Configure(Configured::Sound(setting)) => self.configure(setting),
            Step::Configure(Configured::Literal(bytes)) => self.configure_anyhow(&bytes),
            Step::Fleet(step) => self.step_of_fleet(step),
        }
    }

    fn with(&mut self, number: usize, act: impl FnOnce(&mut Self, usize)) {
        if !self.players.is_empty() {
            act(self, number % self.players.len());
        }
    }

    fn enter(&mut self, mut player: Player) -> usize {
        player.context = self.stage.begin(&player.stream);
        self.players.push(player);
        self.players.len() - 1
    }

    fn configure(&mut self, setting: Setting) {
        if self.stage.configure(setting.document().to_string().as_bytes()) {
            self.stage.setting = setting;
            self.count_setting();
        }
    }

    /// What these bytes mean is unknown, but another setting than what they may be is put in force
    /// before any stream comes.
    fn configure_anyhow(&mut self, bytes: &[u8]) {
        let setting = self.stage.setting;
        if self.stage.configure(bytes) {
            self.stage.behave();
            self.stage.configure_soundly(&setting.document());
        }
    }

    fn count_setting(&mut self) {
        *self.played.settings.entry(self.stage.setting).or_default() += 1;
    }

    /// The host does as it is told from now on, and says what is so.
    fn behave(&mut self) {
        self.stage.behave();
        for player in &self.players {
            player.stream.borrow_mut().info.overrides.clear();
        }
    }

    /// An answer is held for only so long, whatever comes of it, if its host can let it go.
    fn patience_ends(&mut self) {
        self.stage.pass(Duration::from_secs(3600));
        self.tick();
        if !self.stage.lets_go() {
            return;
        }
        for player in &self.players {
            let waits = player.answer == Way::Held && player.heads == 1 && !player.is_over;
            assert!(!waits, "an answer is held for longer than it may be");
        }
    }

    /// What is paused comes to its end, and so does every stream.
    fn finish_all(&mut self) {
        while let Some(player) = self.players.last() {
            let who = self.players.len() - 1;
            if player.request == Way::Held {
                self.call(who, Callback::RequestBody, &Content::end());
            }
            if self.players[who].answer == Way::Held {
                self.call(who, Callback::ResponseBody, &Content::end());
            }
            self.call(who, Callback::Log, &Content::end());
            self.delete(who);
        }
    }

    /// A breaker that nobody disturbed lets calls pass, opens, holds back and closes again.
    fn is_as_good_as_new(&mut self) {
        self.stage.configure_soundly(&afterwards());
        self.stage.setting = Setting::Defaults;
        (0..TRIP).for_each(|_| assert_eq!(self.calm_call("500"), Way::Free, "not let through"));
        assert_eq!(self.calm_call("200"), Way::Answered, "it does not open");
        self.stage.pass(OPEN);
        assert_eq!(self.calm_call("200"), Way::Free, "it lets no probe out");
        assert_eq!(self.calm_call("200"), Way::Free, "it does not close");
    }

    /// What becomes of a call whose upstream answers with this status.
    fn calm_call(&mut self, status: &str) -> Way {
        let who = self.enter(Player::new(CALM, Setting::Defaults, self.stage.now_ns()));
        self.go_on(who, &Content::end());
        let became = self.players[who].request;
        self.players[who].stream.borrow_mut().info.code_details = match became {
            Way::Answered => Some("llm_breaker_open".into()),
            Way::Free | Way::Held => Some("via_upstream".into()),
        };
        self.call(who, Callback::ResponseHeaders, &Content::head(status));
        self.call(who, Callback::ResponseBody, &Content::end());
        self.call(who, Callback::Log, &Content::end());
        self.delete(who);
        became
    }
}
