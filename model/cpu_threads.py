"""The number of threads that NumPy's matrix products use; set once, when a program starts."""

import numpy as np
from threadpoolctl import threadpool_limits


def limit_blas_threads() -> None:
    """Make NumPy multiply matrices on one thread from now on, in the whole process.

    Our choice: re-ranking multiplies small matrices. They take 9 ms a query on one thread, and on
    the threads of two cores 17 ms of both, which the network beside them needs.
    """
    np.ones((2, 2)) @ np.ones((2, 2))  # loads the library, of which only loaded ones are limited
    threadpool_limits(limits=1, user_api="blas")
