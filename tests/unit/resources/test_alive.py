import subprocess
import sys

from resources.alive import alive, bury, dead

HOLDS = """
import sys, time
from pathlib import Path
from resources.alive import alive
with alive(Path(sys.argv[1]), "run"):
    print("holds", flush=True)
    time.sleep(60)
"""


def test_a_run_at_work_is_not_dead_and_leaves_nothing_when_it_ends(tmp_path):
    with alive(tmp_path, "run"):
        assert dead(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_step_that_ends_leaves_the_run_to_the_others(tmp_path):
    with alive(tmp_path, "run"):
        with alive(tmp_path, "run"):
            pass
        assert dead(tmp_path) == []
        assert [file.name.split(".")[0] for file in tmp_path.iterdir()] == ["run"]
    assert list(tmp_path.iterdir()) == []


def test_a_killed_run_is_dead_until_it_is_buried(tmp_path):
    """A run that a kill left "started" would keep all others waiting for ever."""
    with subprocess.Popen([sys.executable, "-c", HOLDS, tmp_path], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"holds\n"
        assert dead(tmp_path) == []
        process.kill()
    assert dead(tmp_path) == ["run"]
    bury(tmp_path, "run")
    assert dead(tmp_path) == []


IN_AND_OUT = """
import sys
from pathlib import Path
from resources.alive import alive
print("begins", flush=True)
while True:
    with alive(Path(sys.argv[1]), "run"):
        pass
"""


def test_a_run_whose_steps_come_and_go_is_never_found_dead(tmp_path):
    """Found dead once, it would be reported as failed while it is at work."""
    with subprocess.Popen([sys.executable, "-c", IN_AND_OUT, tmp_path], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"begins\n"
        try:
            for _ in range(20_000):  # a second
                assert dead(tmp_path) == []
        finally:
            process.kill()


def test_a_step_that_was_killed_leaves_the_run_to_the_others(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDS, tmp_path], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"holds\n"
        with alive(tmp_path, "run"):
            process.kill()
            process.wait()
            assert dead(tmp_path) == []
        assert dead(tmp_path) == ["run"]


def test_what_a_release_before_left_is_found_and_buried(tmp_path):
    (tmp_path / "run.run").touch()
    assert dead(tmp_path) == ["run"]
    bury(tmp_path, "run")
    assert list(tmp_path.iterdir()) == []


def test_an_error_lets_go(tmp_path):
    try:
        with alive(tmp_path, "run"):
            raise ValueError
    except ValueError:
        pass
    assert list(tmp_path.iterdir()) == []
