//! Guest workers: as many as calls may run at once, started when they are needed, and used again where a call left them as they were.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_channel::{mpsc, oneshot};
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

use crate::js::{self, JsWorker, Said};
use crate::timer::sleep;

/// A worker that has not started by then never will.
const START: Duration = Duration::from_secs(60);

/// All guest workers of an engine.
pub(crate) struct Workers {
    places: Rc<Places>,
    idle: Rc<RefCell<Vec<Worker>>>,
}

impl Workers {
    pub(crate) fn new(most: usize) -> Self {
        let places = Places { free: Cell::new(most.max(1)), waiting: RefCell::default() };
        Workers { places: Rc::new(places), idle: Rc::default() }
    }

    /// A worker, as soon as there is one.
    ///
    /// # Errors
    /// Why the browser starts none.
    pub(crate) async fn one(&self) -> Result<Lease, String> {
        let place = Places::take(&self.places).await;
        let idle = self.idle.borrow_mut().pop();
        let worker = match idle {
            Some(worker) => worker,
            None => Worker::start().await?,
        };
        Ok(Lease { worker: Some(worker), idle: self.idle.clone(), _place: place })
    }
}

/// A worker that is ours until this is dropped; then it is ended, unless it was [kept](Lease::keep).
pub(crate) struct Lease {
    worker: Option<Worker>,
    idle: Rc<RefCell<Vec<Worker>>>,
    _place: Place,
}

impl Lease {
    /// Has it compile a module, and gives what it says.
    pub(crate) async fn compile(&mut self, binary: &[u8]) -> Result<Said, String> {
        let binary = Uint8Array::from(binary);
        self.asked(|worker| worker.compile(binary))?.next().await
    }

    /// Has it make a call, and gives what it says at its end. What it says before that, `during` is told of.
    pub(crate) async fn call(
        &mut self,
        module: &JsValue,
        order: &str,
        input: &[u8],
        during: impl Fn(&Said),
    ) -> Result<Said, String> {
        let input = Uint8Array::from(input);
        let worker = self.asked(|worker| worker.call(module, order, input))?;
        loop {
            let said = worker.next().await?;
            if said.logged().is_none() {
                return Ok(said);
            }
            during(&said);
        }
    }

    fn asked(&mut self, post: impl FnOnce(&JsWorker) -> Result<(), JsValue>) -> Result<&mut Worker, String> {
        let worker = self.worker.as_mut().ok_or("the worker is gone")?;
        post(&worker.worker).map_err(|error| words(&error))?;
        Ok(worker)
    }

    /// The worker is as it was before: somebody else may use it.
    pub(crate) fn keep(mut self) {
        self.idle.borrow_mut().extend(self.worker.take());
    }
}

/// One worker, ended when it is dropped.
struct Worker {
    worker: JsWorker,
    said: mpsc::UnboundedReceiver<JsValue>,
    _receive: Closure<dyn FnMut(JsValue)>,
}

impl Worker {
    async fn start() -> Result<Worker, String> {
        let (sender, said) = mpsc::unbounded();
        let receive = Closure::new(move |message| {
            // Nobody listens any more where the other end is gone.
            let _ = sender.unbounded_send(message);
        });
        let worker = js::start_guest(&receive).map_err(|error| words(&error))?;
        let mut worker = Worker { worker, said, _receive: receive };
        let said = match select(pin!(worker.next()), pin!(sleep(START))).await {
            Either::Left((said, _)) => said?,
            Either::Right(_) => return Err(format!("it did not start within {} s", START.as_secs())),
        };
        match said.failed() {
            Some(why) => Err(why),
            None if said.ready() == Some(true) => Ok(worker),
            None => Err("it said something else than that it is ready".to_owned()),
        }
    }

    async fn next(&mut self) -> Result<Said, String> {
        let said = self.said.next().await;
        said.map(JsValue::unchecked_into).ok_or_else(|| "the worker is gone".to_owned())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}

/// What a thrown value says.
pub(crate) fn words(error: &JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(|| format!("{error:?}"), |error| String::from(error.message()))
}

/// How many may be at work.
struct Places {
    free: Cell<usize>,
    waiting: RefCell<VecDeque<oneshot::Sender<Place>>>,
}

impl Places {
    async fn take(places: &Rc<Places>) -> Place {
        loop {
            if let Some(left) = places.free.get().checked_sub(1) {
                places.free.set(left);
                return Place { places: Some(places.clone()) };
            }
            let (sender, receiver) = oneshot::channel();
            places.waiting.borrow_mut().push_back(sender);
            if let Ok(place) = receiver.await {
                return place;
            }
        }
    }

    /// Somebody is done: who has waited longest is next.
    fn give(places: &Rc<Places>) {
        loop {
            let next = places.waiting.borrow_mut().pop_front();
            let Some(next) = next else { break };
            match next.send(Place { places: Some(places.clone()) }) {
                Ok(()) => return,
                // Who waited does so no more. The place is ours still, and is not to be given twice.
                Err(mut place) => place.places = None,
            }
        }
        places.free.set(places.free.get() + 1);
    }
}

/// The right to have one worker at work.
struct Place {
    places: Option<Rc<Places>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(places) = self.places.take() {
            Places::give(&places);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn places(free: usize) -> Rc<Places> {
        Rc::new(Places { free: Cell::new(free), waiting: RefCell::default() })
    }

    #[test]
    fn who_waited_longest_is_next() {
        let places = places(1);
        let first = Places::take(&places).now_or_never().unwrap();
        let mut second = Box::pin(Places::take(&places));
        let mut third = Box::pin(Places::take(&places));
        assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
        drop(first);
        assert!((&mut third).now_or_never().is_none());
        let second = (&mut second).now_or_never().unwrap();
        drop(second);
        assert!((&mut third).now_or_never().is_some());
    }

    #[test]
    fn who_waits_no_more_takes_no_place() {
        let places = places(1);
        let first = Places::take(&places).now_or_never().unwrap();
        let mut gone = Box::pin(Places::take(&places));
        assert!((&mut gone).now_or_never().is_none());
        drop(gone);
        // One that was given its place, and is dropped before it looks.
        let mut given = Box::pin(Places::take(&places));
        assert!((&mut given).now_or_never().is_none());
        drop(first);
        drop(given);
        assert_eq!(places.free.get(), 1);
        assert!(Places::take(&places).now_or_never().is_some());
    }
}
