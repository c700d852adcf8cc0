"""What a Debian machine does all day is no alert of the packs, under the real sensor."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.ebpf.kernel import need_kernel
from tests.sensor.kernel import running

COMMANDS = """
ps aux
top -bn1
ldconfig -p
dpkg --verify hostname
dpkg-query -W
apt-cache policy hostname
update-alternatives --get-selections
run-parts --test /etc/cron.daily
crontab -l
passwd -S root
chage -l root
id root
getent passwd root
logrotate -f -s state rotate.conf
ssh-keygen -q -t ed25519 -N x -f key
ssh-keygen -l -f key
tar -cf all.tar app.log key.pub
gzip -k all.tar
sed -i s/one/two/ app.conf
git init -q repository
git -C repository status
python3 -m venv --without-pip environment
find . -name app.conf -mtime -1
grep -r two app.conf
cp -a app.conf copy.conf
mv copy.conf moved.conf
chmod 640 moved.conf
touch .hidden
mkdir -p .cache/app
sh -c : > out
bash -c until ( : > out ) ; do sleep 1; done
perl -e print(1)
openssl version
mktemp
df -h
lsblk
mount -l
uname -a
hostname
"""


def test_an_ordinary_day_is_silent(tmp_path: Path) -> None:
    need_kernel()
    state, folder = tmp_path / "state", tmp_path / "day"
    state.mkdir()
    folder.mkdir()
    (folder / "app.log").write_text("x\n" * 100)
    (folder / "app.conf").write_text("one\n")
    (folder / "rotate.conf").write_text(f"{folder}/app.log {{\n rotate 2\n compress\n}}\n")
    text = "listen: {address: 127.0.0.1, port: 0}\nadmin: {enabled: false}\n"
    (state / "sidekick.yaml").write_text(text + "rules: {matching: all}\n")
    with running("run", "--json", "-c", str(state / "sidekick.yaml"), state=state) as sidekick:
        sidekick.hears("the sensor watches")
        ran = [_run(line.split(None, 3), folder) for line in COMMANDS.strip().splitlines()]
        subprocess.run([sys.executable, "-m", "sidekick", "acts", "run", "mining-pool"], check=True)
        alerts: list[dict[str, Any]] = []
        while not alerts or alerts[-1]["rule"] != "Crypto miner started":
            alerts.append(sidekick.alert_of_any_rule())
    ours = [a for a in alerts if str(a["output_fields"].get("proc.cwd")).startswith(str(folder))]
    assert [(alert["rule"], alert["output"]) for alert in ours] == []
    assert sum(ran) > 25


def _run(words: list[str], folder: Path) -> bool:
    """Was the command there to be run?"""
    program = shutil.which(words[0])
    if program is None:
        return False
    arguments = words[1:] if words[1:2] == ["-c"] else " ".join(words[1:]).split()
    subprocess.run(
        [program, *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        timeout=60,
    )
    return True
