import subprocess
import sys


def test_importing_the_package_imports_nothing_of_googles():
    code = (
        "import sys, loop.cloud; print([m for m in sys.modules if m.split('.')[0] in ('google', 'grpc', 'requests')])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
