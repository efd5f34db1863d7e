"""A real SLURM of one node on this machine, with four fake GPUs.

    python tests/slurm/cluster.py up [--constrained] [--accounting]
    python tests/slurm/cluster.py down

It needs root and Debian's slurm-wlm and munge, and for accounting slurmdbd and mariadb-server. It
listens on the loopback interface only. All its files are in one folder, except links in /etc/slurm,
because commands inside a job look there. If /etc/slurm has a configuration already, it stays
unchanged, and nothing is started.

A fake GPU is a character device, because SLURM sets CUDA_VISIBLE_DEVICES only for devices. It is a
link to /dev/null. On a constrained node it is a separate device, to which only its job has access.
Many clusters are constrained in this way. There, every job counts its GPU as number 0.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

FOLDER = Path(tempfile.gettempdir()) / "touchline-slurm"
ETC = Path("/etc/slurm")
CGROUPS = Path("/sys/fs/cgroup")
HOST = socket.gethostname().partition(".")[0]
PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "srun"]
ACCOUNTANTS = ["slurmdbd", "mariadbd", "mariadb", "mariadb-install-db"]

# Short times make short tests. A node is given up after 8 s. A requeued job waits 6 s (cred_expire
# and one more). A killed job has 2 s.
CONFIG = """\
ClusterName=touchline
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=6917
SlurmdPort=6918
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=3,bf_interval=2
SlurmdParameters=config_overrides
SlurmdTimeout=8
ReturnToService=2
KillWait=2
MinJobAge={min_job_age}
GresTypes=gpu,lscratch
MpiDefault=none
MailProg=/bin/true
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/jobs.log
{tracking}
{accounting}
NodeName={host} NodeAddr=127.0.0.1 CPUs=32 RealMemory=128000 State=UNKNOWN \\
  Gres=gpu:a100-40:4,lscratch:500
PartitionName=gpu Nodes={host} Default=YES DefMemPerCPU=256 DefaultTime=30 MaxTime=1440 State=UP
PartitionName=urgent Nodes={host} DefMemPerCPU=256 MaxTime=1440 PriorityTier=10 State=UP
PartitionName=short Nodes={host} DefMemPerCPU=256 MaxTime=10 State=UP
"""
ACCOUNTING = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePass={folder}/munge/socket
AccountingStorageTRES=gres/gpu
AccountingStorageEnforce=associations,limits,qos"""
DATABASE = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
DbdHost={host}
DbdAddr=127.0.0.1
SlurmUser=root
LogFile={folder}/slurmdbd.log
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=3317
StorageUser=slurm
StoragePass=tests
StorageLoc=slurm_acct
"""
# Accounts as a site has them: one of the user's, and a QOS that comes before the usual one.
ACCOUNTS = [
    "add cluster touchline",
    "add account club",
    "add qos urgent preempt=normal priority=100",
    "add user root account=club qos=normal,urgent defaultqos=normal",
    "modify user root set defaultaccount=club",
]
BY_CGROUP = """\
ProctrackType=proctrack/cgroup
TaskPlugin=task/cgroup"""
# Where cgroups cannot be written (or are of version 2, which this SLURM wants systemd for).
BY_GROUP = """\
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill"""


def reason_against(*, constrained: bool = False, accounting: bool = False) -> str | None:
    """Return the reason why this machine cannot run the cluster, or None if it can."""
    lacking = [program for program in PROGRAMS if shutil.which(program) is None]
    if lacking:
        return f"SLURM is not installed ({', '.join(lacking)}): apt-get install slurm-wlm munge"
    lacking = [program for program in ACCOUNTANTS if shutil.which(program) is None]
    if accounting and lacking:
        programs = ", ".join(lacking)
        return f"no accounting ({programs}): apt-get install slurmdbd mariadb-server"
    if os.getuid() != 0:
        return "only root can run SLURM's daemons"
    if (ETC / "slurm.conf").exists() and not _is_ours(ETC / "slurm.conf"):
        return f"{ETC}/slurm.conf is another cluster's"
    if constrained and not _cgroups():
        return "cgroups of version 1 cannot be written here, so devices cannot be constrained"
    return None


@dataclass(frozen=True)
class Cluster:
    """The daemons of a cluster and their files.

    Attributes:
        folder: the folder of all files, which is emptied. Its path is short, because sockets are in
            it, and contains "touchline".
        constrained: whether a job has access only to the device of its own GPU.
        min_job_age: seconds for which the controller remembers an ended job.
        accounting: whether there is an accounting database, with an account for the user.
    """

    folder: Path = FOLDER
    constrained: bool = False
    min_job_age: int = 3600
    accounting: bool = False

    def up(self) -> None:
        """Start missing daemons and wait until the node takes jobs.

        Raises:
            RuntimeError: the cluster does not start. The message has the daemons' output.
        """
        against = reason_against(constrained=self.constrained, accounting=self.accounting)
        if against:
            raise RuntimeError(against)
        if not self._process("slurmctld") and not self._process("slurmd"):
            self._write_files()
        self.start("munged")
        if self.accounting:
            self._start_accounting()
        self.start("slurmctld")
        self.start("slurmd")
        self.wait_for_node("idle", "mixed", "allocated")

    def down(self) -> None:
        """Cancel queued jobs, stop the daemons, and remove all files."""
        if self._process("slurmctld") and self.jobs():
            subprocess.run(["scancel", *self.jobs()], timeout=30, check=False)
            _wait(lambda: not self.jobs(), 30)
        for daemon in ("slurmd", "slurmctld", "slurmdbd", "mariadbd", "munged"):
            self.stop(daemon)
        for link in ETC.glob("*.conf"):
            if _is_ours(link):
                link.unlink()
        for folder in CGROUPS.glob(f"*/slurm_{HOST}"):
            for inner in sorted(folder.rglob("*"), reverse=True):
                if inner.is_dir():
                    inner.rmdir()
            folder.rmdir()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, daemon: str) -> None:
        """Start a daemon unless it runs already."""
        if self._process(daemon):
            return
        command = [daemon]
        if daemon == "munged":
            folder = self.folder / "munge"
            command += [f"--socket={folder}/socket", f"--key-file={folder}/key"]
            command += [f"--pid-file={self.folder}/munged.pid", f"--log-file={folder}/log"]
            command += [f"--seed-file={folder}/seed"]
        subprocess.run(command, check=True, timeout=60)
        if not _wait(lambda: self._process(daemon) is not None, 20):
            raise RuntimeError(f"{daemon} does not start:\n{self._errors()}")

    def configure(self, *lines: str) -> None:
        """Change settings of the cluster's configuration. They replace those of the last call.

        The controller is restarted, and jobs continue to run.
        """
        self._write_configuration(*lines)
        self.stop("slurmctld")
        self.start("slurmctld")
        self.start("slurmd")
        self.wait_for_node("idle", "mixed", "allocated")

    def _start_accounting(self) -> None:
        """Start the database and its daemon, and add accounts."""
        data, socket_file = self.folder / "mysql", self.folder / "mysql.sock"
        options = ["--no-defaults", "--user=root", f"--datadir={data}"]
        if not (data / "mysql").exists():
            install = ["mariadb-install-db", *options, "--auth-root-authentication-method=socket"]
            subprocess.run([*install, "--skip-test-db"], check=True, capture_output=True)
        if not self._process("mariadbd"):
            # It stays in the foreground; a session of its own keeps Ctrl-C away.
            subprocess.Popen(
                [
                    *("mariadbd", *options, f"--socket={socket_file}", "--port=3317"),
                    *("--bind-address=127.0.0.1", f"--pid-file={self.folder}/mariadbd.pid"),
                    *("--innodb-buffer-pool-size=64M", "--innodb-lock-wait-timeout=900"),
                    f"--log-error={self.folder}/mariadbd.log",
                ],
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        if not _wait(socket_file.exists, 30):
            raise RuntimeError("the database of accounting does not start")
        sql = "create database if not exists slurm_acct;"
        for host in ("127.0.0.1", "localhost"):
            sql += f"create user if not exists slurm@'{host}' identified by 'tests';"
            sql += f"grant all on slurm_acct.* to slurm@'{host}';"
        mariadb = ["mariadb", "--no-defaults", "-S", str(socket_file), "-e", sql]
        subprocess.run(mariadb, check=True, timeout=60)
        self.start("slurmdbd")
        if not _wait(lambda: "normal" in _output("sacctmgr", "-nP", "list", "qos"), 30):
            raise RuntimeError("slurmdbd does not answer")
        if "club" not in _output("sacctmgr", "-nP", "list", "account"):
            for line in ACCOUNTS:
                command = ["sacctmgr", "-i", *line.split()]
                subprocess.run(command, check=True, timeout=60, capture_output=True)

    def stop(self, daemon: str, how: int = signal.SIGTERM) -> None:
        """Stop a daemon and wait for its end."""
        process = self._process(daemon)
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(timeout=20)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(timeout=20)

    def lose_node(self) -> None:
        """Kill the node's daemon and all processes of its jobs, like a power failure."""
        doomed = [p for p in (self._process("slurmd"),) if p]
        # A step's own daemon is nobody's child; it is known by its name.
        for step in psutil.process_iter(["name"]):
            if step.info["name"] == "slurmstepd":
                doomed += [step, *step.children(recursive=True)]
        for process in doomed:
            process.kill()

    def wait_for_node(self, *states: str, seconds: float = 60) -> None:
        """Wait until the node is in one of some states.

        Raises:
            RuntimeError: the node does not reach one. The message has the daemons' output.
        """
        if not _wait(lambda: self.node() in states, seconds):
            raise RuntimeError(f"the node is {self.node()}, not {states}:\n{self._errors()}")

    def node(self) -> str:
        """Return the node's state in one word, or "" if the controller does not answer."""
        return _output("sinfo", "-h", "-o", "%T").strip().rstrip("*")

    def jobs(self, *states: str) -> list[str]:
        """Return the numbers of all jobs in the queue, or of those in some states."""
        chosen = [f"--states={','.join(states)}"] if states else []
        return _output("squeue", "-h", "-o", "%A", *chosen).split()

    def queue(self, layout: str = "%A|%T|%j|%k") -> list[list[str]]:
        """Return queued and ended jobs, as one list of fields per job."""
        lines = _output("squeue", "-h", "--states=all", "-o", layout).splitlines()
        return [line.split("|") for line in lines]

    def _process(self, daemon: str) -> psutil.Process | None:
        """Return the process of a daemon that `start` started, or None if it has ended."""
        try:
            process = psutil.Process(int((self.folder / f"{daemon}.pid").read_text()))
            return process if process.name() == daemon else None
        except (OSError, ValueError, psutil.Error):
            return None

    def _write_files(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("state", "spool", "munge", "devices"):
            (self.folder / name).mkdir(parents=True)
        for folder in (self.folder, self.folder / "munge"):
            folder.chmod(0o755)
        key = self.folder / "munge" / "key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(128))
        for number in range(4):
            device = self.folder / "devices" / f"gpu{number}"
            if self.constrained:
                os.mknod(device, 0o666 | 0o020000, os.makedev(195, 200 + number))
            else:
                device.symlink_to("/dev/null")
        self._write_configuration()
        texts = {
            "gres.conf": f"NodeName={HOST} Name=gpu Type=a100-40 "
            f"File={self.folder}/devices/gpu[0-3] Flags=nvidia_gpu_env\n"
            f"NodeName={HOST} Name=lscratch Count=500\n",
            "cgroup.conf": "CgroupPlugin=cgroup/v1\n"
            + ("ConstrainRAMSpace=yes\nConstrainCores=no\n" if _cgroups() else "")
            + ("ConstrainDevices=yes\n" if self.constrained else ""),
        }
        if self.accounting:
            database = self.folder / "slurmdbd.conf"
            database.touch(mode=0o600)
            database.write_text(DATABASE.format(host=HOST, folder=self.folder))
            _link(database)
        for name, text in texts.items():
            (self.folder / name).write_text(text)
            _link(self.folder / name)

    def _write_configuration(self, *more: str) -> None:
        accounting = ACCOUNTING.format(folder=self.folder) if self.accounting else ""
        text = CONFIG.format(
            host=HOST,
            folder=self.folder,
            tracking=BY_CGROUP if _cgroups() else BY_GROUP,
            min_job_age=self.min_job_age,
            accounting=accounting,
        )
        changed = {line.partition("=")[0] for line in more}
        kept = [line for line in text.splitlines() if line.partition("=")[0] not in changed]
        text = "\n".join([*kept, *more]) + "\n"
        (self.folder / "slurm.conf").write_text(text)
        _link(self.folder / "slurm.conf")

    def _errors(self) -> str:
        logs = [self.folder / f"{daemon}.log" for daemon in ("slurmctld", "slurmd")]
        lines = [line for log in logs if log.exists() for line in log.read_text().splitlines()]
        return "\n".join(line for line in lines if "error" in line or "fatal" in line)[-2000:]


def _link(file: Path) -> None:
    """Link a configuration file to the place where SLURM's commands look for it."""
    ETC.mkdir(exist_ok=True)
    (ETC / file.name).unlink(missing_ok=True)
    (ETC / file.name).symlink_to(file)


def _is_ours(link: Path) -> bool:
    """Return whether a link in /etc/slurm leads to a cluster of these tests."""
    return link.is_symlink() and "touchline" in str(link.readlink())


def _cgroups() -> bool:
    return all(os.access(CGROUPS / name, os.W_OK) for name in ("freezer", "memory", "cpuset"))


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("action", choices=["up", "down"])
    parser.add_argument("--constrained", action="store_true")
    parser.add_argument("--accounting", action="store_true")
    options = parser.parse_args()
    cluster = Cluster(constrained=options.constrained, accounting=options.accounting)
    if options.action == "down":
        cluster.down()
        return
    try:
        cluster.up()
    except RuntimeError as error:
        sys.exit(f"{error}")
    print(_output("sinfo", "-o", "%P %n %T %c %m %G"), end="")


if __name__ == "__main__":
    main()
