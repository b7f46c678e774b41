"""Waits for what is asynchronous. The event loop is asyncio's own, without sockets and signals: it sleeps by the host's clock, which
jumps over sleeps when it is virtual."""

import asyncio
import inspect
import time


class _Selector:
    """Nothing outside ever happens: to wait for events is to sleep."""

    def select(self, timeout):
        if timeout is None:
            raise RuntimeError("the script waits for something that nothing in it will do")
        if timeout > 0:
            time.sleep(timeout)
        return []

    def close(self):
        pass


class Loop(asyncio.BaseEventLoop):
    def __init__(self):
        super().__init__()
        self._selector = _Selector()

    def _process_events(self, events):
        pass

    def _write_to_self(self):
        pass


class _Policy(asyncio.events._AbstractEventLoopPolicy if hasattr(asyncio.events, "_AbstractEventLoopPolicy") else object):
    """Gives our loop to scripts that call `asyncio.run` themselves."""

    def get_event_loop(self):
        raise RuntimeError("there is no running event loop")

    def set_event_loop(self, loop):
        pass

    def new_event_loop(self):
        return Loop()


asyncio.events._set_event_loop_policy(_Policy())


def finish(value):
    """What a function gave, awaited where it is a coroutine or another awaitable."""
    if inspect.isawaitable(value):
        return asyncio.run(_awaited(value))
    if inspect.isasyncgen(value):
        return asyncio.run(_listed(value))
    return value


async def _awaited(value):
    value = await value
    return await _listed(value) if inspect.isasyncgen(value) else value


async def _listed(items):
    return [item async for item in items]
