//! The process of an environment, as what signals are sent to.

use rustix::process::{Pid, Signal, kill_process};

/// A process that is there, or not yet, or no more.
#[derive(Default)]
pub(super) struct Process {
    pid: Option<Pid>,
    is_frozen: bool,
}

impl Process {
    pub(super) fn started(&mut self, pid: u32) {
        self.pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    }

    /// From now on its id may be another one's.
    pub(super) fn has_ended(&mut self) {
        self.pid = None;
    }

    pub(super) fn is_there(&self) -> bool {
        self.pid.is_some()
    }

    /// Stops it wherever it is. It cannot refuse, nor notice.
    pub(super) fn freeze(&mut self) {
        if !self.is_frozen {
            self.send(Signal::STOP);
            self.is_frozen = self.is_there();
        }
    }

    /// Lets it go on, if it was stopped.
    pub(super) fn thaw(&mut self) {
        if self.is_frozen {
            self.send(Signal::CONT);
            self.is_frozen = false;
        }
    }

    /// Asks it to end.
    pub(super) fn terminate(&mut self) {
        self.send(Signal::TERM);
    }

    fn send(&self, signal: Signal) {
        if let Some(pid) = self.pid {
            // One that has just ended takes no signal, and needs none.
            let _ = kill_process(pid, signal);
        }
    }
}
