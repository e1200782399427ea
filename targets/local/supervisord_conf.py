"""The supervisor's files as text, without secrets: programs inherit those from the supervisor."""

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deployment.workspace.errors import Misconfigured
from deployment.workspace.state_dir import conf_folder
from deployment.workspace.workspace import Workspace

ROUTER_PRIORITY = 900
VERSION_PRIORITY = 100
# Connections that wait while the program behind a socket is restarted, or is busy.
BACKLOG = 2048
# Characters that cannot be written in these files: they would end the value, start a comment or
# match other files.
_FORBIDDEN = frozenset("\n\r;#\"'")
_FORBIDDEN_IN_COMMANDS = frozenset("\n\r;#")
_GLOB = "[]*?"


@dataclass(frozen=True)
class Program:
    """One supervised process group.

    environment: beside what it inherits
    priority: a higher one stops first
    listens: `host:port` on which the supervisor listens for it; the process gets that socket as its
    descriptor 0
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    priority: int = VERSION_PRIORITY
    listens: str = ""


def supervisor_conf(workspace: Workspace) -> str:
    """The daemon's own file; raises Misconfigured for a state folder that it cannot name."""
    if not set(_GLOB).isdisjoint(str(workspace.state)):
        raise Misconfigured(
            f"the supervisor cannot live in {workspace.state}: set SLUICE_STATE to a path without "
            f"{_GLOB}"
        )

    return "\n".join(
        [
            "[unix_http_server]",
            f"file = {_plain(socket_path(workspace))}",
            "chmod = 0700",
            "",
            "[supervisord]",
            f"logfile = {_plain(workspace.log / 'supervisord.log')}",
            "logfile_maxbytes = 10MB",
            "logfile_backups = 3",
            f"pidfile = {_plain(pid_file(workspace))}",
            "nodaemon = false",
            "silent = true",
            "umask = 077",
            *(["user = root"] if os.getuid() == 0 else []),
            f"directory = {_plain(workspace.root)}",
            f"childlogdir = {_plain(workspace.log)}",
            "",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
            "",
            "[rpcinterface:sockets]",
            "supervisor.rpcinterface_factory = targets.local.listening_sockets:keep_sockets",
            "",
            "[supervisorctl]",
            f"serverurl = {_plain(server_url(workspace))}",
            "",
            "[include]",
            "files = supervisor.d/*.conf",
            "",
        ]
    )


def program_conf(workspace: Workspace, program: Program) -> str:
    """One program's file.

    It is restarted with a growing pause when it ends by itself, and has 40 s to stop.
    """
    # The supervisor expands percent signs twice in this one value.
    log = _percents_doubled(_plain(log_file(workspace, program.name)))
    return "\n".join(
        [
            *_section(program),
            f"command = {_command(program.command)}",
            f"directory = {_plain(workspace.root)}",
            f"environment = {_environment(program.environment)}",
            f"priority = {program.priority}",
            "autostart = true",
            "autorestart = true",
            "startsecs = 1",
            "startretries = 20",
            "stopsignal = TERM",
            "stopwaitsecs = 40",
            "stopasgroup = true",
            "killasgroup = true",
            "redirect_stderr = true",
            f"stdout_logfile = {log}",
            "stdout_logfile_maxbytes = 10MB",
            "stdout_logfile_backups = 3",
            "",
        ]
    )


def _section(program: Program) -> list[str]:
    if not program.listens:
        return [f"[program:{program.name}]"]

    # The supervisor's name for a program whose listening socket it makes; nothing speaks FastCGI.
    return [
        f"[fcgi-program:{program.name}]",
        f"socket = tcp://{_plain(program.listens)}",
        f"socket_backlog = {BACKLOG}",
    ]


def daemon_conf(workspace: Workspace) -> Path:
    """Where the daemon's own file lies."""
    return workspace.state / "supervisord.conf"


def conf_file(workspace: Workspace, program: str) -> Path:
    """Where that program's file lies."""
    return conf_folder(workspace) / f"{program}.conf"


def log_file(workspace: Workspace, program: str) -> Path:
    """A program's log."""
    return workspace.log / f"{program}.log"


def pid_file(workspace: Workspace) -> Path:
    """The daemon's process id."""
    return workspace.run / "supervisord.pid"


def socket_path(workspace: Workspace) -> Path:
    """The daemon's own socket, for this user alone."""
    return workspace.run / "supervisor.sock"


def server_url(workspace: Workspace) -> str:
    """The daemon's address; every process it starts carries it in its environment."""
    return f"unix://{socket_path(workspace)}"


def _command(arguments: Sequence[str]) -> str:
    for argument in arguments:
        if not _FORBIDDEN_IN_COMMANDS.isdisjoint(argument):
            raise Misconfigured(
                f"the supervisor cannot run {argument!r}: line ends, ';' and '#' are not possible"
            )

    return _percents_doubled(shlex.join(arguments))


def _environment(values: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_plain(value)}"' for name, value in values.items())


def _plain(value: object) -> str:
    text = str(value)
    if not _FORBIDDEN.isdisjoint(text):
        raise Misconfigured(
            f"the supervisor's files cannot hold {text!r}: use a path without quotes, ';', '#'"
        )

    return _percents_doubled(text)


def _percents_doubled(text: str) -> str:
    return text.replace("%", "%%")
