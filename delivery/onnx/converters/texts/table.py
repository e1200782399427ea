"""The converters of this folder."""

CONVERTERS = {
    "sklearn.feature_extraction.text.CountVectorizer": "count_vectorizer",
    "sklearn.feature_extraction.text.TfidfVectorizer": "tfidf_vectorizer",
    "sklearn.feature_extraction.text.TfidfTransformer": "tfidf_transformer",
}
