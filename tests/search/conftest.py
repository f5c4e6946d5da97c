"""What tests of several indexes share."""

import pytest


@pytest.fixture(scope="module")
def one_thread():
    """Threads of FAISS would wait for those of other processes, actively."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before)
