//! The pipes of a program, read and written for as long as somebody waits for it, and no longer: a process that left its group and holds a
//! pipe cannot hold us.

use std::io::{self, Read, Write};

/// Bytes that are read at a time: what a pipe holds.
const PIECE: usize = 64 << 10;

/// Pieces that are read of what is left in a pipe: more than it holds, and not all that somebody goes on to write.
#[cfg(unix)]
const MOST_LEFT: u32 = 64;

#[cfg(unix)]
pub(crate) use self::unix::{read_all, write_all};

#[cfg(not(unix))]
pub(crate) use self::blocking::{read_all, write_all};

#[cfg(unix)]
mod unix {
    use std::os::fd::AsFd;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::{MOST_LEFT, PIECE, Read, Write, io};

    /// Reads to the end, and gives each piece to `reader`; false where that has had enough. Once `over` is closed, what is there is read,
    /// and nothing is waited for.
    pub(crate) fn read_all(
        mut stream: impl Read + AsFd,
        reader: &mut dyn FnMut(&[u8]) -> bool,
        over: &io::PipeReader,
    ) -> io::Result<bool> {
        let mut piece = vec![0; PIECE];
        let mut left = MOST_LEFT;
        loop {
            match wait(&stream, PollFlags::IN, over)? {
                Wait::Ready => {}
                Wait::ReadyAndOver if left > 0 => left -= 1,
                Wait::ReadyAndOver | Wait::Over => break,
            }
            match stream.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => {
                    if !reader(piece.get(..length).unwrap_or_default()) {
                        return Ok(false);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Writes all of it, until it is read or nobody reads it any more.
    pub(crate) fn write_all(
        stream: &mut (impl Write + AsFd),
        parts: &[&[u8]],
        over: &io::PipeReader,
    ) -> io::Result<()> {
        rustix::io::ioctl_fionbio(&*stream, true)?;
        for part in parts {
            let mut rest = *part;
            while !rest.is_empty() {
                match stream.write(rest) {
                    Ok(length) => rest = rest.get(length..).unwrap_or_default(),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        if wait(&*stream, PollFlags::OUT, over)? != Wait::Ready {
                            return Ok(());
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    #[derive(PartialEq, Eq)]
    enum Wait {
        Ready,
        ReadyAndOver,
        Over,
    }

    /// Until the stream is ready, or nothing more is waited for.
    fn wait(stream: &impl AsFd, ready: PollFlags, over: &io::PipeReader) -> io::Result<Wait> {
        loop {
            let mut both = [PollFd::new(stream, ready), PollFd::new(over, PollFlags::IN)];
            match poll(&mut both, None::<&Timespec>) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let [stream, over] = &both;
            match (stream.revents().is_empty(), over.revents().is_empty()) {
                (false, true) => return Ok(Wait::Ready),
                (false, false) => return Ok(Wait::ReadyAndOver),
                (true, false) => return Ok(Wait::Over),
                (true, true) => {}
            }
        }
    }
}

#[cfg(not(unix))]
mod blocking {
    use super::{PIECE, Read, Write, io};

    /// Reads to the end, and gives each piece to `reader`; false where that has had enough.
    pub(crate) fn read_all(
        mut stream: impl Read,
        reader: &mut dyn FnMut(&[u8]) -> bool,
        _over: &io::PipeReader,
    ) -> io::Result<bool> {
        let mut piece = vec![0; PIECE];
        loop {
            match stream.read(&mut piece) {
                Ok(0) => return Ok(true),
                Ok(length) => {
                    if !reader(piece.get(..length).unwrap_or_default()) {
                        return Ok(false);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes all of it.
    pub(crate) fn write_all(stream: &mut impl Write, parts: &[&[u8]], _over: &io::PipeReader) -> io::Result<()> {
        parts.iter().try_for_each(|part| stream.write_all(part))
    }
}
