//! The router over engines that do as they are told.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wasmill_model::{EngineName, Input, Interface, LimitKind, LimitOverrides, Limits, Profile, Usage, Value, Verdict};
use wasmill_unit::Unit;

use super::{Asked, EngineSource, RouteError, Router};
use crate::{Binding, BoxFuture, Call, Cancel, Enforced, Engine, EngineInfo, Outcome, PrepareError, PreparedUnit};

/// An engine that does as it is told.
struct Fake {
    info: EngineInfo,
    prepare: Option<PrepareError>,
    verdict: Mutex<Verdict>,
    calls: AtomicUsize,
}

impl Fake {
    fn new(name: &str) -> Arc<Fake> {
        Self::with(name, |_| {})
    }

    fn with(name: &str, change: impl FnOnce(&mut Fake)) -> Arc<Fake> {
        let info = EngineInfo {
            name: EngineName { name: name.into(), version: "1".into() },
            interfaces: vec![Interface::Core],
            limits: vec![(LimitKind::Fuel, Enforced::Yes), (LimitKind::Memory, Enforced::Yes)],
            profiles: Profile::ALL.to_vec(),
            at_most: LimitOverrides::default(),
            functions: Vec::new(),
            sandboxed: true,
        };
        let verdict = Mutex::new(Verdict::Ok);
        let mut fake = Fake { info, prepare: None, verdict, calls: AtomicUsize::new(0) };
        change(&mut fake);
        Arc::new(fake)
    }

    fn ends(&self, verdict: Verdict) {
        *self.verdict.lock().unwrap() = verdict;
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

struct Handle(Arc<Fake>);

impl Engine for Handle {
    fn info(&self) -> &EngineInfo {
        &self.0.info
    }

    fn prepare<'a>(
        &'a self,
        _: &'a Unit,
        _: &'a Binding,
    ) -> BoxFuture<'a, Result<Arc<dyn PreparedUnit>, PrepareError>> {
        let prepared = match &self.0.prepare {
            Some(error) => Err(error.clone()),
            None => Ok(Arc::new(Handle(self.0.clone())) as Arc<dyn PreparedUnit>),
        };
        Box::pin(std::future::ready(prepared))
    }
}

impl PreparedUnit for Handle {
    fn call<'a>(&'a self, _: Call<'a>) -> BoxFuture<'a, Outcome> {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        let verdict = self.0.verdict.lock().unwrap().clone();
        let output = verdict.is_ok().then(|| Value::from(&*self.0.info.name.name));
        Box::pin(std::future::ready(Outcome { output, ..Outcome::failed(verdict, Usage::default()) }))
    }
}

fn source(fake: &Arc<Fake>) -> EngineSource {
    EngineSource::from(Arc::new(Handle(fake.clone())) as Arc<dyn Engine>)
}

fn missing(name: &str, starts: &Arc<AtomicUsize>) -> EngineSource {
    let starts = starts.clone();
    EngineSource::new(Fake::new(name).info.clone(), move || {
        starts.fetch_add(1, Ordering::Relaxed);
        Err("it is not installed".to_owned())
    })
}

fn unit() -> Unit {
    Unit::from_binary(wat::parse_str(r#"(module (func (export "f") (result i32) i32.const 1))"#).unwrap()).unwrap()
}

const ANY: Asked<'static> = Asked { names: &[], allowed: &[], profile: Profile::Metered, allow_weaker: false };

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The engine that was picked, the one that answered, and what the receipt says was passed over.
async fn call(router: &Router, asked: Asked<'_>) -> Result<(Verdict, String, Vec<String>), RouteError> {
    let routed = router.route(&unit(), &Binding::default(), asked).await?;
    Ok(call_again(&routed).await)
}

async fn call_again(routed: &super::Routed) -> (Verdict, String, Vec<String>) {
    let (input, limits, cancel) = (Input::Positional(Vec::new()), Limits::default(), Cancel::new());
    let answer = routed.call(Call::new(&input, &limits, &cancel)).await;
    let passed_over = answer.routing.map(|routing| routing.passed_over.clone()).unwrap_or_default();
    let passed_over = passed_over.iter().map(|over| format!("{}: {}", over.engine, over.reason)).collect();
    (answer.outcome.verdict, answer.engine.name.to_string(), passed_over)
}

#[tokio::test]
async fn the_first_that_is_asked_for_is_picked() {
    let (one, two) = (Fake::new("one"), Fake::new("two"));
    let router = Router::new([source(&one), source(&two)]);
    assert_eq!(call(&router, ANY).await.unwrap().1, "one");
    let asked = names(&["two", "one"]);
    assert_eq!(call(&router, Asked { names: &asked, ..ANY }).await.unwrap(), (Verdict::Ok, "two".to_owned(), vec![]));
    // The host's order is that of its policy.
    let allowed = names(&["two", "one"]);
    assert_eq!(call(&router, Asked { allowed: &allowed, ..ANY }).await.unwrap().1, "two");
    let allowed = names(&["two"]);
    let error = call(&router, Asked { names: &names(&["one"]), allowed: &allowed, ..ANY }).await.unwrap_err();
    assert!(matches!(error, RouteError::NoneFits { .. }), "{error}");
}

#[tokio::test]
async fn an_engine_that_is_missing_is_passed_over_and_named() {
    let starts = Arc::new(AtomicUsize::new(0));
    let other = Fake::new("other");
    let router = Router::new([missing("gone", &starts), source(&other)]);
    let asked = names(&["gone", "other"]);
    let (verdict, engine, passed_over) = call(&router, Asked { names: &asked, ..ANY }).await.unwrap();
    assert_eq!((verdict, &*engine), (Verdict::Ok, "other"));
    assert_eq!(passed_over, ["gone: it is not installed"]);
    let error = call(&router, Asked { names: &names(&["gone"]), ..ANY }).await.unwrap_err();
    assert_eq!(error.to_string(), "no engine can run it: gone: it is not installed");
    // It was looked for once.
    assert_eq!(starts.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn nobody_starts_what_is_not_needed() {
    let starts = Arc::new(AtomicUsize::new(0));
    let other = Fake::new("other");
    let router = Router::new([source(&other), missing("gone", &starts)]);
    call(&router, ANY).await.unwrap();
    assert_eq!(starts.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn only_what_was_asked_before_is_passed_over() {
    let (one, two) = (Fake::new("one"), Fake::with("two", |fake| fake.info.interfaces.clear()));
    let router = Router::new([source(&one), source(&two)]);
    assert_eq!(call(&router, ANY).await.unwrap(), (Verdict::Ok, "one".to_owned(), vec![]));
    let asked = names(&["two", "one"]);
    let (_, engine, passed_over) = call(&router, Asked { names: &asked, ..ANY }).await.unwrap();
    assert_eq!((&*engine, passed_over), ("one", vec!["two: it does not run core units".to_owned()]));
}

#[tokio::test]
async fn a_guest_that_fails_is_an_answer() {
    let (one, two) = (Fake::new("one"), Fake::new("two"));
    one.ends(Verdict::GuestError { message: "no".to_owned() });
    let router = Router::new([source(&one), source(&two)]);
    assert_eq!(call(&router, ANY).await.unwrap().0, Verdict::GuestError { message: "no".to_owned() });
    one.ends(Verdict::HostError { message: "killed".to_owned() });
    assert_eq!(call(&router, ANY).await.unwrap().1, "one");
    assert_eq!(two.calls(), 0);
}

#[tokio::test]
async fn an_engine_that_fails_to_start_in_mid_run_gives_way() {
    let (one, two) = (Fake::new("one"), Fake::new("two"));
    let router = Router::new([source(&one), source(&two)]);
    let routed = router.route(&unit(), &Binding::default(), ANY).await.unwrap();
    one.ends(Verdict::EngineUnavailable { message: "it crashed at start".to_owned() });
    let (verdict, engine, passed_over) = call_again(&routed).await;
    assert_eq!((verdict, &*engine), (Verdict::Ok, "two"));
    assert_eq!(passed_over, ["one: it crashed at start"]);
    two.ends(Verdict::EngineUnavailable { message: "so did it".to_owned() });
    let (verdict, _, passed_over) = call_again(&routed).await;
    assert_eq!(passed_over.len(), 2);
    let message = "one: it crashed at start; two: so did it".to_owned();
    assert_eq!(verdict, Verdict::EngineUnavailable { message });
}

#[tokio::test]
async fn an_engine_that_keeps_failing_is_left_alone_for_a_while() {
    let (one, two) = (Fake::new("one"), Fake::new("two"));
    let now = Arc::new(AtomicU64::new(1_000));
    let seconds = now.clone();
    let clock = move || Duration::from_secs(seconds.load(Ordering::Relaxed));
    let router = Router::with_clock([source(&one), source(&two)], clock);
    let routed = router.route(&unit(), &Binding::default(), ANY).await.unwrap();
    one.ends(Verdict::EngineUnavailable { message: "no".to_owned() });
    for _ in 0..10 {
        assert_eq!(call_again(&routed).await.1, "two");
    }
    assert_eq!(one.calls(), 3, "it is tried three times");
    assert_eq!(call_again(&routed).await.2, ["one: it failed to start 3 times in a row; it is tried again in 31 s"]);
    // After its rest it is tried once.
    now.fetch_add(31, Ordering::Relaxed);
    for _ in 0..3 {
        assert_eq!(call_again(&routed).await.1, "two");
    }
    assert_eq!(one.calls(), 4);
    // And is used again when it works again.
    now.fetch_add(31, Ordering::Relaxed);
    one.ends(Verdict::Ok);
    for _ in 0..3 {
        assert_eq!(call_again(&routed).await.1, "one");
    }
}

#[tokio::test]
async fn an_engine_that_is_missing_is_looked_for_again_after_a_while() {
    let now = Arc::new(AtomicU64::new(1_000));
    let seconds = now.clone();
    let starts = Arc::new(AtomicUsize::new(0));
    let router =
        Router::with_clock([missing("gone", &starts)], move || Duration::from_secs(seconds.load(Ordering::Relaxed)));
    for (later, looked) in [(0, 1), (29, 1), (2, 2), (0, 2)] {
        now.fetch_add(later, Ordering::Relaxed);
        call(&router, ANY).await.unwrap_err();
        assert_eq!(starts.load(Ordering::Relaxed), looked);
    }
}

#[tokio::test]
async fn preparing_takes_nobodys_turn() {
    let (one, two) = (Fake::new("one"), Fake::new("two"));
    let now = Arc::new(AtomicU64::new(1_000));
    let seconds = now.clone();
    let router =
        Router::with_clock([source(&one), source(&two)], move || Duration::from_secs(seconds.load(Ordering::Relaxed)));
    one.ends(Verdict::EngineUnavailable { message: "no".to_owned() });
    for _ in 0..3 {
        assert_eq!(call(&router, ANY).await.unwrap().1, "two");
    }
    // While it is left alone it is not picked; after its rest it is, and the call that follows is made.
    assert_eq!(router.route(&unit(), &Binding::default(), ANY).await.unwrap().engine().name.to_string(), "two");
    now.fetch_add(31, Ordering::Relaxed);
    one.ends(Verdict::Ok);
    assert_eq!(call(&router, ANY).await.unwrap().1, "one");
    assert_eq!(call(&router, ANY).await.unwrap().1, "one");
}

#[tokio::test]
async fn what_is_wrong_with_a_unit_is_not_held_against_the_engine() {
    let host = |fake: &mut Fake| fake.prepare = Some(PrepareError::Host { message: "no such folder".to_owned() });
    let (one, two) = (Fake::with("one", host), Fake::new("two"));
    let router = Router::new([source(&one), source(&two)]);
    for _ in 0..10 {
        assert_eq!(call(&router, ANY).await.unwrap().2, ["one: no such folder"]);
    }
}

#[tokio::test]
async fn limits_of_the_engines_own_stand_in_the_receipt() {
    let most =
        LimitOverrides { timeout: Some(Duration::from_secs(1)), memory: Some(1 << 40), ..LimitOverrides::default() };
    let one = Fake::with("one", |fake| fake.info.at_most = most);
    let router = Router::new([source(&one)]);
    let routed = router.route(&unit(), &Binding::default(), ANY).await.unwrap();
    let held = routed.routing(&Limits::default()).unwrap().held.clone().unwrap();
    assert_eq!(held, Limits { timeout: Duration::from_secs(1), ..Limits::default() });
    let short = Limits { timeout: Duration::from_millis(1), ..Limits::default() };
    assert!(routed.routing(&short).is_none(), "nothing is lowered");
}

#[tokio::test]
async fn a_weaker_sandbox_is_taken_only_where_it_is_allowed() {
    let weak = Fake::with("weak", |fake| fake.info.limits = vec![(LimitKind::Fuel, Enforced::No)]);
    let bare = Fake::with("bare", |fake| fake.info.sandboxed = false);
    let router = Router::new([source(&weak), source(&bare)]);
    let asked = names(&["weak"]);
    let error = call(&router, Asked { names: &asked, ..ANY }).await.unwrap_err();
    assert_eq!(error.to_string(), "no engine can run it: weak: it does not hold the limit fuel");
    let allowed = Asked { names: &asked, allow_weaker: true, ..ANY };
    let routed = router.route(&unit(), &Binding::default(), allowed).await.unwrap();
    assert_eq!(routed.routing(&Limits::default()).unwrap().weaker, ["fuel".into()]);
    // Who does not want fuel metered misses nothing.
    let fast = Asked { names: &asked, profile: Profile::Fast, ..ANY };
    let binding = Binding { profile: Profile::Fast, ..Binding::default() };
    assert!(router.route(&unit(), &binding, fast).await.unwrap().routing(&Limits::default()).is_none());

    // What has no sandbox is not used unless the policy names it, whatever the step says.
    let asked = names(&["bare"]);
    let error = call(&router, Asked { names: &asked, allow_weaker: true, ..ANY }).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no engine can run it: bare: the host's policy does not let steps use it, as it has no sandbox"
    );
    let allowed = names(&["weak", "bare"]);
    let error = call(&router, Asked { names: &asked, allowed: &allowed, ..ANY }).await.unwrap_err();
    assert_eq!(error.to_string(), "no engine can run it: bare: it has no sandbox");
    let asked = Asked { names: &asked, allowed: &allowed, allow_weaker: true, ..ANY };
    assert_eq!(call(&router, asked).await.unwrap().1, "bare");
}

#[tokio::test]
async fn what_is_wrong_with_a_unit_is_said_and_nobody_else_is_asked() {
    let import = "env::f".to_owned();
    let one = Fake::with("one", |fake| fake.prepare = Some(PrepareError::MissingImport { import, help: None }));
    let two = Fake::new("two");
    let router = Router::new([source(&one), source(&two)]);
    let error = call(&router, ANY).await.unwrap_err();
    assert!(matches!(error, RouteError::Prepare(PrepareError::MissingImport { .. })), "{error}");

    let message = "it does not know this proposal".to_owned();
    let one = Fake::with("one", |fake| fake.prepare = Some(PrepareError::Unsupported { message }));
    let router = Router::new([source(&one), source(&two)]);
    assert_eq!(call(&router, ANY).await.unwrap().2, ["one: it does not know this proposal"]);
}

#[tokio::test]
async fn a_unit_that_no_engine_runs_is_refused_with_every_reason() {
    let (one, two) = (Fake::with("one", |fake| fake.info.interfaces.clear()), Fake::new("two"));
    let router = Router::new([source(&one), source(&two)]);
    let asked = names(&["one"]);
    let error = call(&router, Asked { names: &asked, ..ANY }).await.unwrap_err();
    assert_eq!(error.to_string(), "no engine can run it: one: it does not run core units");
}
