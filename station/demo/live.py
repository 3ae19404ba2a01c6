"""`make run`: the simulated machine and the service as two processes on real sockets, ended together by Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

MACHINE = ("--fidelity", "real", "--rendering", "full")


def main() -> int:
    """Start both, wait for the service, end both. Returns the service's exit code."""
    with tempfile.TemporaryDirectory(prefix="station-live-") as folder:
        ports = Path(folder) / "ports.json"
        machine = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "sim_hardware",
                "--fidelity",
                "real",
                "--rendering",
                "full",
                "--ports-file",
                str(ports),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        service: subprocess.Popen[str] | None = None
        try:
            assert machine.stdout is not None
            # The machine prints its table of ports when all of them are open.
            for line in machine.stdout:
                sys.stdout.write(line)
                if ports.exists():
                    break
            if not ports.exists():
                return machine.wait()
            command = [sys.executable, "-m", "station", "run", "--simulated", "--machine-ports", str(ports)]
            service = subprocess.Popen([*command, *sys.argv[1:]], text=True)
            return service.wait()
        except KeyboardInterrupt:
            return 130
        finally:
            for process in (service, machine):
                if process is not None and process.poll() is None:
                    process.send_signal(signal.SIGINT)
                    process.wait(timeout=10)


if __name__ == "__main__":
    sys.exit(main())
