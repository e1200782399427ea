"""Support vectors and Gaussian processes weigh the kernels that scikit-learn computes."""

import pytest
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    Matern,
    RationalQuadratic,
    WhiteKernel,
)
from sklearn.kernel_ridge import KernelRidge
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM

from tests.delivery.onnx.converters.rows import fitted, require_equal_everywhere

KERNELS = ["linear", "poly", "rbf", "sigmoid"]
PROCESSES = [
    None,
    ConstantKernel(2.0) * RBF([1.0, 2.0, 3.0]) + WhiteKernel(0.1),
    Matern(nu=0.5),
    Matern(nu=1.5),
    Matern(nu=2.5),
    RationalQuadratic(),
    DotProduct() + RBF(),
]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("kind", [SVC, NuSVC])
def test_the_classes_of_support_vectors(kernel, classes, kind):
    settings = {"nu": 0.2} if kind is NuSVC else {}
    converted = fitted(kind(kernel=kernel, **settings), "predict", classes)
    require_equal_everywhere(converted)


@pytest.mark.parametrize("classes", [2, 4])
def test_their_decisions(classes):
    require_equal_everywhere(fitted(SVC(), "decision_function", classes))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("kind", [SVR, NuSVR])
def test_the_values_of_support_vectors(kernel, kind):
    require_equal_everywhere(fitted(kind(kernel=kernel), "predict", classes=0))


@pytest.mark.parametrize("kernel", KERNELS)
def test_outliers_by_support_vectors(kernel):
    require_equal_everywhere(fitted(OneClassSVM(kernel=kernel, nu=0.2), "predict"))


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernel_ridge(kernel):
    require_equal_everywhere(
        fitted(KernelRidge(alpha=5.0, kernel=kernel, gamma=0.1), "predict", classes=0)
    )


@pytest.mark.parametrize("kernel", PROCESSES, ids=str)
def test_gaussian_processes(kernel):
    model = GaussianProcessRegressor(kernel, optimizer=None, alpha=0.1, normalize_y=True)
    require_equal_everywhere(fitted(model, "predict", classes=0))


@pytest.mark.parametrize("output", ["predict", "predict_proba"])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_classes_of_gaussian_processes(classes, output):
    kernel = ConstantKernel(2.0) * RBF([1.0, 2.0, 3.0])
    model = GaussianProcessClassifier(kernel, optimizer=None)
    require_equal_everywhere(fitted(model, output, classes))
