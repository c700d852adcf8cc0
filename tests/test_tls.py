from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from sidekick.tls import verifying_context


def test_servers_are_verified_by_the_authorities_of_a_file_alone(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = verifying_context(tmp_path / "ca.pem")
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(context.get_ca_certs()) == 1


def test_an_authority_without_key_usage_is_taken_by_every_python() -> None:
    assert not verifying_context(None).verify_flags & ssl.VERIFY_X509_STRICT


def test_a_file_that_is_missing_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        verifying_context(tmp_path / "none.pem")
