"""The converters of this folder."""

CONVERTERS = {
    "sklearn.naive_bayes.BernoulliNB": "naive_bayes",
    "sklearn.naive_bayes.CategoricalNB": "naive_bayes",
    "sklearn.naive_bayes.ComplementNB": "naive_bayes",
    "sklearn.naive_bayes.GaussianNB": "naive_bayes",
    "sklearn.naive_bayes.MultinomialNB": "naive_bayes",
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis": "linear_discriminant",
    "sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis": "quadratic_discriminant",
}
