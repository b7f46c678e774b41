//! How a guest runs: in slices of fuel, and between two of them the call looks at its clock and gives its thread away.

use std::future::poll_fn;
use std::task::Poll;

use wasmi::{AsContextMut as _, Error, Func, ResumableCall, Store, Val};
use wasmill_engine::Cancel;
use wasmill_engine::parts::{Deadline, Stop, Turn, Turns};
use wasmill_preview1::{Memory, Meter};

use crate::config::SLICE;
use crate::host::{Pause, Then};
use crate::outcome::End;
use crate::state::State;

/// What a call has of fuel, and what of it the store was given.
#[derive(Debug)]
pub(crate) struct Fuel {
    /// None where fuel is not limited.
    limit: Option<u64>,
    given: u64,
}

impl Fuel {
    pub(crate) fn new(limit: Option<u64>) -> Self {
        Fuel { limit, given: 0 }
    }

    /// Gives the store another slice, and at least what its next operation takes.
    fn give(&mut self, store: &mut Store<State>, needed: u64) -> Result<(), End> {
        let left = store.get_fuel()?;
        let rest = self.limit.map_or(u64::MAX, |limit| limit.saturating_sub(self.given));
        let more = SLICE.max(needed.saturating_sub(left)).min(rest);
        let fuel = left.saturating_add(more);
        if fuel < needed {
            return Err(End::OutOfFuel);
        }
        self.given = self.given.saturating_add(more);
        if let Some(meter) = &mut store.data_mut().meter {
            meter.has(rest - more);
        }
        Ok(store.set_fuel(fuel)?)
    }

    /// Takes what a function of the host costs beyond what was left of a slice.
    fn pay(&mut self, store: &mut Store<State>, owed: u64) -> Result<(), End> {
        if owed == 0 {
            return Ok(());
        }
        self.give(store, owed)?;
        let left = store.get_fuel()?.saturating_sub(owed);
        Ok(store.set_fuel(left)?)
    }

    /// What the guest has used; none where it is not counted.
    pub(crate) fn used(&self, store: &Store<State>) -> Option<u64> {
        self.limit?;
        Some(self.given.saturating_sub(store.get_fuel().ok()?))
    }
}

/// A guest that is being called.
pub(crate) struct Guest<'a> {
    pub(crate) store: &'a mut Store<State>,
    pub(crate) fuel: &'a mut Fuel,
    pub(crate) deadline: &'a Deadline,
    pub(crate) cancel: &'a Cancel,
    /// Who else computes.
    pub(crate) turns: &'a Turns,
    /// Its place among them, once it has given way.
    pub(crate) turn: Option<Turn<'a>>,
}

impl Guest<'_> {
    /// Calls a function to its end. `results` has as many places as it has results.
    pub(crate) async fn call(&mut self, function: &Func, params: &[Val], results: &mut [Val]) -> Result<(), End> {
        if self.fuel.given == 0 {
            self.fuel.give(self.store, 1)?;
        }
        let mut step = function.call_resumable(self.store.as_context_mut(), params, results);
        loop {
            step = match step? {
                ResumableCall::Finished => return Ok(()),
                ResumableCall::OutOfFuel(paused) => {
                    self.fuel.give(self.store, paused.required_fuel())?;
                    self.give_way().await?;
                    paused.resume(self.store.as_context_mut(), results)
                }
                ResumableCall::HostTrap(paused) => {
                    let Some(pause) = paused.host_error().downcast_ref::<Pause>() else {
                        return Err(paused.into_host_error().into());
                    };
                    let Pause { owed, then } = pause.clone();
                    self.fuel.pay(self.store, owed)?;
                    let answer = match then {
                        Then::Answer(answer) => answer,
                        Then::Wait(wait, memory) => {
                            wait.pass(self.deadline, self.cancel).await?;
                            let (data, state) = memory.data_and_store_mut(&mut *self.store);
                            let meter = state.meter.as_mut();
                            let meter = meter.ok_or_else(|| Stop::Host("a unit without WASI waits".to_owned()))?;
                            wait.over(Memory::Slice(data), meter)?
                        }
                    };
                    if owed > 0 || self.store.data().meter.as_ref().is_some_and(Meter::is_long) {
                        self.give_way().await?;
                    }
                    paused.resume(self.store.as_context_mut(), &[Val::I32(answer)], results)
                }
            };
        }
    }

    /// Lets the executor poll others first, and those before all whose time is over.
    async fn give_way(&mut self) -> Result<(), Stop> {
        let (deadline, turns) = (self.deadline, self.turns);
        deadline.check()?;
        let turn = self.turn.get_or_insert_with(|| turns.guest(deadline.end()));
        turn.waits();
        let mut asked = false;
        poll_fn(|context| {
            if asked {
                if let Err(stop) = deadline.check() {
                    return Poll::Ready(Err(stop));
                }
                if turn.comes() {
                    return Poll::Ready(Ok(()));
                }
            }
            asked = true;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await?;
        if let Some(meter) = &mut self.store.data_mut().meter {
            meter.next_slice();
        }
        Ok(())
    }
}

/// wasmi's futures are ours: what is paused has to be able to go on on another thread.
const _: fn() = || {
    fn sends<T: Send>() {}
    sends::<(Store<State>, ResumableCall, Error)>();
};
