"""The environment variables that guests get: in a sandbox those that are known to hold no secret, and those named."""

from __future__ import annotations

import os
from collections.abc import Iterable

from overnight.runs.redact import is_secret_name
from overnight.runs.sandbox import Room, Sandbox, home

_NOT_PASSED_ON = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")
_HARMLESS = frozenset(
    (
        *("PATH", "LANG", "LANGUAGE", "TZ", "TERM", "COLORTERM", "USER", "LOGNAME", "SHELL", "EDITOR"),
        *("VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
        *("PYTHONPATH", "PYTHONHASHSEED", "NODE_PATH", "NODE_OPTIONS", "NVM_DIR", "JAVA_HOME", "GOROOT", "RUSTUP_HOME"),
    )
)
_HARMLESS_FAMILIES = (
    *("LC_", "OMP_", "OPENBLAS_", "MKL_", "BLIS_", "VECLIB_", "NUMEXPR_", "NUMBA_", "PYENV_", "MALLOC_"),
    *("CUDA_", "NVIDIA_", "NCCL_", "HIP_", "ROCR_", "HSA_", "XLA_", "TF_", "TORCH_", "PYTORCH_", "JAX_"),
)


_OF_TOOLS = {"RUSTUP_HOME": ".rustup", "PYTHONUSERBASE": ".local"}
"""Where tools keep what is opened for reading, below the user's home: the guest's own home is another."""
_OF_NETWORKS = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"})


def guest_environment(room: Room, sandbox: Sandbox, named: Iterable[str] = (), **settings: str) -> dict[str, str]:
    """The environment of a guest (a run, a scorer, an agent) in a room; `named` may pass whatever they hold.

    Git variables that would lead it into the user's repository are left out, and git is kept from finding it by
    itself. Python writes no bytecode: two candidates made within one second could otherwise share it.
    """
    wanted = set(named)
    if sandbox.confines:
        kept = {name: value for name, value in os.environ.items() if name in wanted or _is_harmless(name)}
    else:
        kept = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}
    if inner := sandbox.home(room):
        kept |= {"HOME": str(inner), "TMPDIR": str(inner.parent if sandbox.wraps else inner)}
        for name, folder in _OF_TOOLS.items():
            if (home() / folder).is_dir():
                kept.setdefault(name, str(home() / folder))
        if room.network:
            kept |= {name: value for name, value in os.environ.items() if name.upper() in _OF_NETWORKS}
    elif room.tmp is not None:
        kept["TMPDIR"] = str(room.tmp)
    return {
        **kept,
        "PWD": str(room.folder),
        "GIT_CEILING_DIRECTORIES": str(room.folder.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        **settings,
    }


def _is_harmless(name: str) -> bool:
    return name in _HARMLESS or (name.startswith(_HARMLESS_FAMILIES) and not is_secret_name(name))
