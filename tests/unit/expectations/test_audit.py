"""Great Expectations judges staged rows: each rule can fail, and says which rows of which month do."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations import audit as module
from expectations.audit import audit
from expectations.rules import BUSINESS, Rule, rules
from warehouse.contract import Table
from warehouse.records import Finding
from warehouse.tables import TABLES

GOOD: dict[str, list[dict[str, Any]]] = {
    "core.order_lines": [
        {
            "month": "2011-01-01", "invoice_id": f"5{at}", "line": 1, "sold_at": f"2011-01-0{at} 10:00",
            "customer_id": f"{at}", "product_id": "A", "description": "a", "quantity": 2, "unit_price": "1.5",
            "amount": "3", "country": "EIRE", "kind": "sale", "is_goods": True,
            "category": "Bags",
        }
        for at in range(1, 9)
    ],
    "core.invoices": [
        {
            "month": "2011-01-01", "invoice_id": f"{at}", "sold_at": "2011-01-02 10:00", "customer_id": "1",
            "country": "EIRE", "lines": 2, "products": 2, "units": 2, "amount": "5", "goods_lines": 1,
            "goods_amount": "3", "other_lines": 1, "other_units": -1, "other_amount": "0", "kind": "sale",
        }
        for at in range(1, 4)
    ],
    "core.returns": [
        {
            "month": "2011-01-01", "invoice_id": f"C{at}", "line": 1, "returned_at": "2011-01-20 10:00",
            "customer_id": "1", "product_id": "A", "is_goods": True, "returned_units": 2,
            "returned_amount": "5", "sale_invoice_id": f"{at}", "sale_line": 1, "sale_units": 8,
            "sold_at": "2011-01-18 10:00", "days_since_sale": 2, "is_correction": False,
            "unmatched_reason": None,
        }
        for at in range(1, 4)
    ],
    "core.customer_months": [
        {
            "month": "2011-01-01", "customer_id": f"{at}", "country": "EIRE", "orders": 2, "units": 2, "amount": "5",
            "return_lines": 0, "returned_units": 0, "returned_amount": "0", "first_sold_at": "2011-01-02 09:00",
            "last_sold_at": "2011-01-11 20:00", "order_days": 3, "gap_days_sum": 9, "gap_days_square_sum": 41,
            "monday_days": 1, "tuesday_days": 1, "wednesday_days": 0, "thursday_days": 0, "friday_days": 0,
            "saturday_days": 0, "sunday_days": 1, "night_orders": 0, "morning_orders": 1,
            "afternoon_orders": 0, "evening_orders": 1,
        }
        for at in range(3)
    ],
    "core.sales_days": [
        {
            "month": "2011-01-01", "day": f"2011-01-0{at}", "country": "EIRE", "orders": 1, "units": 1,
            "amount": "5", "returned_amount": "0",
        }
        for at in range(1, 4)
    ],
    "segments.rfm": [
        {
            "as_of": "2011-01-01", "customer_id": f"{at}", "recency_days": at, "frequency": at, "monetary": at,
            "net_monetary": at, "r": 1, "f": 1, "m": 1, "segment": "Lost", "tier": "Low",
        }
        for at in range(1, 41)
    ],
    "core.customer_product_months": [
        {
            "month": "2011-01-01", "customer_id": f"{at}", "product_id": "A", "is_goods": True,
            "category": "Bags", "orders": 1, "units": 2, "amount": "5", "returned_units": 0, "returned_amount": "0",
            "first_sold_at": "2011-01-01", "last_sold_at": "2011-01-31 23:59",
        }
        for at in range(3)
    ],
    "core.product_months": [
        {
            "month": "2011-01-01", "product_id": f"{at}", "is_goods": True, "category": "Bags", "orders": 1,
            "customers": 1, "units": 2, "amount": "5", "retail_units": 2, "retail_amount": "5", "usual_price": "2.5",
            "returned_units": 0, "returned_amount": "0", "adjusted_units": -4, "adjusted_amount": "0",
            "first_sold_at": "2011-01-01", "last_sold_at": "2011-01-31 23:59",
        }
        for at in range(3)
    ],
    "core.product_weeks": [
        {
            "month": "2011-01-01", "week": "2011-01-03", "product_id": f"{at}", "is_goods": True, "days": 7,
            "orders": 1, "units": 2, "amount": "5", "retail_units": 2, "retail_amount": "5",
            "returned_units": 0, "returned_amount": "0",
        }
        for at in range(3)
    ],
    "core.reviews": [
        {
            "month": "2011-01-01", "review_id": f"{at}", "product_id": "A", "customer_id": "1", "rating": 5,
            "title": "Good", "text": "It is.", "reviewed_at": "2011-01-20 10:00", "helpful_votes": 1,
            "total_votes": 2, "is_verified": True, "is_english": True, "copies": 1,
        }
        for at in range(3)
    ],
    "core.product_names": [
        {"month": "2011-01-01", "product_id": f"{at}", "spelling": "CUP", "sale_lines": 1, "lines": 2}
        for at in range(3)
    ],
    "core.sales_hours": [
        {"month": "2011-01-01", "day": "2011-01-02", "hour": at, "orders": 1, "units": 2, "amount": "5"}
        for at in range(1, 4)
    ],
    "core.products": [
        {
            "as_of": "2011-01-01", "product_id": f"{at}", "name": "CUP", "spellings": ["CUP", "CUP."],
            "is_goods": True, "category": "Bags", "first_sold_at": "2011-01-01", "last_sold_at": "2011-01-31 23:59",
            "usual_price": "2.5",
        }
        for at in range(3)
    ],
    "core.customers": [
        {
            "as_of": "2011-01-01", "customer_id": f"{at}", "country": "EIRE", "first_month": "2011-01-01",
            "last_month": "2011-01-01", "is_left_truncated": True,
        }
        for at in range(3)
    ],
    "overview.hours": [
        {"as_of": "2011-01-01", "weekday": 7, "hour": at, "orders": 1, "units": 2, "amount": "5"}
        for at in range(1, 4)
    ],
    "overview.weekdays": [
        {
            "as_of": "2011-01-01", "weekday": at, "days": 1, "orders": 1, "units": 2, "amount": "5",
            "orders_per_day": 1.0,
        }
        for at in range(1, 4)
    ],
    "overview.top_goods": [
        {
            "as_of": "2011-01-01", "rank": at, "product_id": f"{at}", "name": "CUP", "orders": 1, "units": 2,
            "amount": f"{6 - at}", "returned_amount": "0", "amount_share": share,
        }
        for at, share in ((1, 0.5), (2, 0.3))
    ],
    "overview.countries": [
        {
            "as_of": "2011-01-01", "country": country, "customers": 1, "orders": 1, "units": 2, "amount": "5",
            "returned_amount": "0", "amount_share": 0.5,
        }
        for country in ("EIRE", "France")
    ],
    "overview.correlations": [
        {
            "as_of": "2011-01-01", "figure": figure, "other_figure": "units", "days": 9, "correlation": 0.5
        }
        for figure in ("amount", "orders")
    ],
    "core.customer_days": [
        {
            "month": "2011-01-01", "customer_id": f"{at}", "day": "2011-01-02", "orders": 1, "units": 2, "amount": "5"
        }
        for at in range(3)
    ],
    "value.lifetime": [
        {
            "as_of": "2011-01-01", "customer_id": f"{at}", "horizon_days": 90, "expected_orders": 1.0,
            "orders_low": 0.5, "orders_high": 2.0, "expected_amount": 9.0, "amount_low": 5.0, "amount_high": 20.0,
            "probability_alive": 0.5, "season_factor": 1.0, "is_season_known": True, "reason": None,
        }
        for at in range(3)
    ],
    "value.backtest": [
        {
            "as_of": "2011-01-01", "origin": "2010-10-01", "forecaster": forecaster, "quantity": "orders",
            "customers": 9, "expected": 3.0, "actual": 4.0, "bias": -0.25, "bias_low": -0.5, "bias_high": 0.1,
            "is_held": True, "spearman": 0.5, "normalized_gini": 0.5, "top_decile_share": 0.5,
        }
        for forecaster in ("model", "order_count")
    ],
    "churn.risk": [
        {
            "as_of": "2011-01-01", "customer_id": f"{at}", "probability": 0.5, "plain_probability": 0.4,
            "next_order_on": "2011-02-02", "is_overdue": False, "reason_1": "amount", "effect_1": -0.5,
            "reason_2": "units", "effect_2": 0.3, "reason_3": None, "effect_3": None, "missing_reason": None,
            "model": "logistic",
        }
        for at in range(3)
    ],
    "churn.backtest": [
        {
            "as_of": "2011-01-01", "origin": "2010-10-01", "model": "logistic", "customers_of": group,
            "customers": 200, "lost_share": 0.5, "mean_probability": 0.5, "calibration": 0.0, "slope": 1.0,
            "auc": 0.7, "brier": 0.2, "decile_lift": 1.5, "plain_auc": 0.7, "auc_gain": 0.0,
            "auc_gain_low": -0.1, "auc_gain_high": 0.1,
        }
        for group in ("all", "repeaters")
    ],
    "recommendations.also_bought": [
        {
            "as_of": "2011-01-01", "product_ids": ["A"], "rank": rank, "also_bought": other, "baskets": 20,
            "customers": 10, "confidence": 0.8 - rank / 10, "adjusted_lift": 2.0, "is_rule": True,
        }
        for rank, other in enumerate("BCD", 1)
    ],
    "recommendations.similar_products": [
        {
            "as_of": "2011-01-01", "product_id": "A", "rank": rank, "similar_product_id": other, "measure": "bm25",
            "similarity": 5.0 - rank, "cosine": 0.5, "customers": 3,
        }
        for rank, other in enumerate("BCD", 1)
    ],
    "recommendations.backtest": [
        {
            "as_of": "2011-01-01", "origin": "2010-12-01", "judged": "2011-01-01", "list": "new", "candidate": candidate,
            "customers_of": "all", "customers": 200, "capped_recall_5": 0.3, "recall_5": 0.2, "ndcg_5": 0.3,
            "capped_recall_10": 0.3, "recall_10": 0.2, "ndcg_10": 0.3, "coverage": 0.4, "novelty": 3.0,
            "reorder_share": 0.0, "bought_reorder_share": 0.4, "floor": "popular", "gain": gain, "gain_low": low,
            "gain_high": high,
        }
        for candidate, gain, low, high in (("ease", 0.1, 0.0, 0.2), ("popular", None, None, None))
    ],
    "recommendations.champions": [
        {
            "as_of": "2011-01-01", "list": of, "candidate": "ease", "months": 6, "capped_recall_10": 0.3,
            "lead": 0.1, "lead_low": 0.02, "judged": "2011-01-01", "earlier_candidate": "ease", "earlier_capped_recall_10": 0.3,
            "floor_capped_recall_10": 0.2, "gain": 0.1, "gain_low": 0.0, "gain_high": 0.2,
        }
        for of in ("all", "new")
    ],
    "recommendations.for_customers": [
        {
            "as_of": "2011-01-01", "customer_id": "1", "list": "new", "rank": rank, "product_id": product,
            "score": 5.0 - rank, "orders": 0, "source": "model", "candidate": "ease",
        }
        for rank, product in enumerate("ABC", 1)
    ],
    "recommendations.due": [
        {
            "as_of": "2011-01-01", "customer_id": f"{at}", "product_id": "A", "orders": 3,
            "last_ordered_on": "2011-01-05", "gap_days": 20.0, "due_on": "2011-01-25", "probability": 0.5,
        }
        for at in range(3)
    ],
    "segments.rfm_moves": [
        {
            "as_of": "2011-01-01", "from_segment": "None", "to_segment": segment, "customers": 1,
            "amount": "5", "month_amount": "5",
        }
        for segment in ("New", "Loyal")
    ],
    "segments.customer_features": [
        {
            "as_of": "2011-01-01", "customer_id": f"{at}", "recency_days": 5, "tenure_days": 15, "frequency": 4,
            "order_days": 3, "monetary": "10", "order_value": "2.5", "returned_amount": "1",
            "returned_share": 0.1, "products": 2, "categories": 2,
            "favourite_category": "Bags", "favourite_share": 0.6, "gap_mean_days": 5.0, "gap_variation": 0.2,
            "monday_share": 0.666667, "tuesday_share": 0.0, "wednesday_share": 0.0, "thursday_share": 0.0,
            "friday_share": 0.0, "saturday_share": 0.0, "sunday_share": 0.333333, "night_share": 0.0,
            "morning_share": 0.75, "afternoon_share": 0.25, "evening_share": 0.0,
        }
        for at in range(3)
    ],
    "segments.habits": [
        {
            "as_of": "2011-01-01", "customer_id": f"{at}", "order_days": 3, "orders_a_month": 1.2, "order_value": "5",
            "season_share": 0.2, "season_days": 1, "season_expected_share": 0.25,
        }
        for at in (1, 2)
    ],
    "segments.cluster_quality": [
        {
            "as_of": "2011-01-01", "method": "k-means", "clusters": k, "silhouette": 0.4, "null_silhouette": 0.3,
            "gain": 0.1, "inertia": 9.5, "elbow": 0.2, "davies_bouldin": 1.1, "calinski_harabasz": 100.0,
            "smallest_share": 0.1, "stability": 0.9, "is_chosen": k == 2,
            "verdict": "segments" if k == 2 else None, "why": "so",
        }
        for k in (2, 3)
    ],
    "segments.clusters": [
        {
            "as_of": "2011-01-01", "customer_id": f"{at}", "cluster_id": f"2010-12.{at}", "own_distance": 0.5,
            "next_cluster_id": f"2010-12.{3 - at}", "next_distance": 1.5, "x": 0.1, "y": -0.2,
            "is_outlier": False, "is_learned_from": True,
        }
        for at in (1, 2)
    ],
    "segments.cluster_names": [
        {
            "as_of": "2011-01-01", "cluster_id": f"2010-12.{at}", "name": name, "customers": 1,
            "customer_share": 0.5, "amount": "5", "amount_share": 0.5, "monetary_ratio": 1.0,
            "orders_ratio": 1.0, "season_ratio": None, "recency_ratio": 1.0,
        }
        for at, name in enumerate(("Regular", "Occasional"), 1)
    ],
    "segments.cluster_moves": [
        {
            "as_of": "2011-01-01", "from_cluster_id": "None", "to_cluster_id": f"2010-12.{at}", "customers": 1,
            "from_share": 0.5, "to_share": None, "is_birth": False, "is_death": False, "move": "new",
        }
        for at in (1, 2)
    ],
    "segments.cluster_profiles": [
        {
            "as_of": "2011-01-01", "cluster_id": f"2010-12.{at}", "figure": "products", "customers": 5, "mean": 2.0,
            "median": 2.0, "mean_of_all": 2.0, "median_of_all": 2.0, "effect_size": 0.0, "explained_share": 0.0,
            "makes_clusters": False, "p_value": 0.9,
        }
        for at in (1, 2)
    ],
    "segments.cluster_drivers": [
        {
            "as_of": "2011-01-01", "cluster_id": "2010-12.1", "figure": figure, "importance": 0.2, "rank": rank,
            "accuracy": 0.9,
        }
        for rank, figure in enumerate(("orders_a_month", "products"), 1)
    ],
    "segments.concentration": [
        {
            "as_of": "2011-01-01", "top_share": top, "customers": customers, "amount": amount,
            "amount_share": share,
        }
        for top, customers, amount, share in ((0.01, 1, "5", 0.5), (0.1, 1, "5", 0.5), (0.2, 2, "8", 0.8))
    ],
    "segments.amount_moves": [
        {
            "as_of": "2011-01-01", "move": move, "customers": 1, "amount_before": before, "amount": amount,
            "amount_change": change, "is_whole_month": True,
        }
        for move, before, amount, change in (("new", "0", "5", "5"), ("lapsed", "5", "0", "-5"))
    ],
    "cohorts.retention": [
        {
            "as_of": "2011-01-01", "cohort": "2010-12-01", "age": age, "customers": customers,
            "cohort_customers": 4, "share": customers / 4, "is_left_truncated": False, "is_whole_month": True,
        }
        for age, customers in ((0, 4), (1, 1))
    ],
    "cohorts.revenue_retention": [
        {
            "as_of": "2011-01-01", "country": country, "first_category": category, "cohort": "2010-12-01", "age": age, "cohort_customers": 4,
            "customers": (4, 1)[age], "amount": ("8", "4")[age], "returned_amount": ("2", "0")[age],
            "net_amount": ("6", "4")[age], "amount_share": (1.0, 0.5)[age],
            "net_amount_share": (1.0, 0.666667)[age], "cumulative_amount": ("8", "12")[age],
            "cumulative_net_amount": ("6", "10")[age], "value_per_customer": ("1.5", "2.5")[age],
            "is_left_truncated": False, "is_whole_month": True,
        }
        for country, category in (("All", "All"), ("EIRE", "All"), ("All", "Bags"))
        for age in (0, 1)
    ],
    "seeds.recommendations": [{"launched_days": 60, "due_days": 30}],
    "seeds.categories": [
        {"rank": 1, "matches": "description", "pattern": "*BAG*", "category": "Bags"},
        {"rank": 1, "matches": "description", "pattern": "*MUG*", "category": "Mugs"},
    ],
    "cohorts.survival": [
        {
            "as_of": "2011-01-01", "event": "lapse", "began_in": "All", "day": 90 * at, "at_risk": 9 - at,
            "events": at, "customers": 10, "survival": 1 - 0.2 * at, "survival_low": 0.5 if at else None,
            "survival_high": 0.9 if at else None,
        }
        for at in range(3)
    ],
    "segments.holdouts": [
        {"as_of": "2011-01-01", "customer_id": f"{at}", "segment": "Lost", "is_held_out": at == 1}
        for at in range(3)
    ],
    "segments.actions": [
        {
            "as_of": "2011-01-01", "segment": segment, "customers": 20, "held_out": 2, "expected_amount": 50.0,
            "customers_at_stake": 15, "mean_probability": 0.4, "amount_at_stake": 20.0, "category_1": "Bags",
            "lift_1": 1.5, "category_2": "Mugs", "lift_2": 1.1, "category_3": None, "lift_3": None, "weekday": 4,
            "weekday_share": 0.3, "part_of_day": "morning", "part_of_day_share": 0.6, "campaign": "Call",
            "reason": "They may come back.",
        }
        for segment in ("Lost", "New")
    ],
    "segments.service_demand": [
        {
            "as_of": "2011-01-01", "segment": segment, "customers": 20, "learned_months": 3,
            "expected_return_lines": 4.0, "return_lines_low": 1.0, "return_lines_high": 7.0, "reason": None,
        }
        for segment in ("Lost", "New")
    ],
    "seeds.holdouts": [{"share": 0.1, "salt": "a"}],
    "seeds.campaigns": [
        {"segment": "Lost", "campaign": "None", "reason": "a"}, {"segment": "New", "campaign": "Hello", "reason": "b"}
    ],
    "topics.words": [
        {"month": "2011-01-01", "review_id": f"{at}", "words": ["strap", "lock"], "reason": None} for at in range(3)
    ],
    "topics.learned": [
        {"as_of": "2011-01-01", "month": "2011-01-01", "review_id": f"{at}", "place": at} for at in (1, 2)
    ],
    "topics.models": [
        {
            "as_of": "2011-01-01", "searched_as_of": "2010-12-01", "learned_reviews": 900, "method": method,
            "counted": "counts", "has_phrases": False, "topics": 8, "c_v": 0.5, "u_mass": -2.0,
            "perplexity": 300.0 if method == "lda" else None, "diversity": 0.9, "stability": 0.7,
            "is_chosen": method == "nmf", "why": "so",
        }
        for method in ("nmf", "lda")
    ],
    "topics.fits": [
        {
            "as_of": "2011-01-01", "topic_id": f"2010-12.{at}", "state": "kept", "name": f"strap {at}", "method": "nmf",
            "counted": "counts", "has_phrases": False, "learned_reviews": 900, "updated_from": "2010-12-01",
            "share": 0.5, "c_v": 0.5, "fresh_c_v": 0.6, "fresh_overlap": 0.9, "prior": None,
            "terms": ["strap", "lock"], "weights": [0.7, 0.3], "idf": [1.0, 1.0],
        }
        for at in (1, 2)
    ],
    "topics.terms": [
        {
            "as_of": "2011-01-01", "topic_id": "2010-12.1", "rank": rank, "term": f"strap {rank}",
            "weight": 0.1 / rank, "lift": 2.0, "relevance": round(0.6 * math.log(0.1 / rank) + 0.4 * math.log(2), 6),
        }
        for rank in (1, 2, 3)
    ],
    "topics.documents": [
        {
            "as_of": "2011-01-01", "month": "2011-01-01", "review_id": f"{at}", "topic_id": topic, "share": 0.5,
            "is_leading": topic == "2010-12.1", "reason": None,
        }
        for at in range(3)
        for topic in ("2010-12.1", "2010-12.2")
    ],
    "topics.topics": [
        {
            "as_of": "2011-01-01", "topic_id": f"2010-12.{at}", "state": "kept", "name": f"strap {at}", "share": 0.5,
            "led_reviews": 3, "mean_rating": 4.0, "c_v": 0.5, "fresh_c_v": 0.6, "fresh_overlap": 0.9,
            "updated_from": "2010-12-01", "review_ids": ["1", "2"],
        }
        for at in (1, 2)
    ],
    "topics.products": [
        {
            "as_of": "2011-01-01", "product_id": "A", "topic_id": f"2010-12.{at}", "reviews": 5, "led_reviews": 2,
            "share": 0.5, "mean_rating": 4.0,
        }
        for at in (1, 2)
    ],
    "topics.trend": [
        {
            "as_of": "2011-01-01", "month": "2011-01-01", "topic_id": f"2010-12.{at}", "reviews": 5, "led_reviews": 2,
            "share": 0.5, "share_low": 0.3, "share_high": 0.7, "mean_rating": 4.0, "rating_low": 3.0,
            "rating_high": 4.5, "change": 0.2, "p_value": 0.001, "is_jump": at == 1,
        }
        for at in (1, 2)
    ],
    "topics.map": [
        {
            "as_of": "2011-01-01", "month": "2011-01-01", "review_id": f"{at}", "topic_id": None, "rating": 5,
            "score": None, "x_2d": 0.1, "y_2d": 0.2, "x_3d": 0.1, "y_3d": 0.2, "z_3d": 0.3,
        }
        for at in range(3)
    ],
    "seeds.stop_words": [{"word": "the"}, {"word": "of"}],
    "seeds.topics": [
        {
            "least_reviews": 200, "least_topics": 5, "most_topics": 30, "learned_reviews": 10_000, "search_months": 12,
            "leading_share": 0.4, "mapped_reviews": 2_000,
        }
    ],
    "seeds.churn": [{"horizon_days": 90}],
    "seeds.value": [{"horizon_days": 90, "long_horizon_days": 365, "discount_a_year": 0.0}],
    "seeds.survival": [{"lapse_days": 90}],
    "seeds.thresholds": [{"wholesale_quantity": 24, "left_truncated_months": 6}],
    "seeds.clustering": [{"least_order_days": 5, "most_clusters": 10, "is_dbscan_tried": False}],
    "seeds.cluster_names": [
        {
            "rank": rank, "name": name, "monetary_ratio": None, "orders_ratio": 1.0, "season_ratio": None,
            "recency_ratio": None,
        }
        for rank, name in enumerate(("Regular", "Occasional"), 1)
    ],
    "seeds.not_goods": [{"pattern": "POST", "meaning": "carriage"}, {"pattern": "M", "meaning": "manual"}],
    "seeds.rfm_segments": [{"r": 1, "fm": 1, "segment": "Lost"}, {"r": 1, "fm": 2, "segment": "Lost"}],
    "rules.baskets": [
        {
            "month": "2011-01-01", "invoice_id": f"{at}", "sold_at": "2011-01-02 10:00", "customer_id": None,
            "goods": ["A", "B"], "categories": ["Bags"], "size": 2, "stratum": 1,
        }
        for at in range(1, 4)
    ],
    "rules.item_months": [
        {"month": "2011-01-01", "level": "product", "item": item, "stratum": 0, "baskets": 2} for item in "AB"
    ],
    "rules.pair_months": [
        {"month": "2011-01-01", "level": "product", "item": "A", "other": other, "stratum": 1, "baskets": 2}
        for other in "BC"
    ],
    "rules.itemsets": [
        {
            "as_of": "2011-01-01", "items": items, "length": len(items), "count": 5, "support": 0.05,
            "longest": None,
        }
        for items in (["A"], ["B"], ["A", "B"])
    ],
    "rules.rules": [
        {
            "as_of": "2011-01-01", "level": "product", "antecedent": [item], "consequent": other,
            "association": "complement", "baskets": 100, "antecedent_count": 10, "consequent_count": 10,
            "count": 5, "customers": 4, "support": 0.05, "confidence": 0.5, "lift": 5.0, "leverage": 0.04,
            "expected_count": 2.0, "adjusted_lift": 2.5, "p_value": 0.001, "q_value": 0.01, "is_rule": True,
            "later_count": 2, "later_expected_count": 1.0, "later_adjusted_lift": 2.0, "is_held": True,
            "strength_rank": rank, "antecedent_first_customers": 1, "consequent_first_customers": 1,
            "comes_first": None,
        }
        for rank, (item, other) in enumerate(("AB", "BA"), 1)
    ],
    "rules.bundles": [
        {
            "as_of": "2011-01-01", "goods": [item, other], "antecedent": [other], "consequent": item,
            "strength_rank": rank, "adjusted_lift": 2.5, "count": 5, "customers": 4, "open_baskets": 5,
            "consequent_amount": "1.5", "extra_amount_upper_bound": "7.5",
        }
        for rank, (item, other) in enumerate(("AB", "CD"), 1)
    ],
    "rules.category_flows": [
        {
            "as_of": "2011-01-01", "step": step, "from_category": "Bags", "to_category": category, "count": 2,
            "share": 0.5,
        }
        for step, category in (
            ("same basket", "Mugs"), ("same basket", "Tins"), ("next order", "Bags"), ("next order", "Mugs")
        )
    ],
    "rules.summary": [
        {
            "as_of": "2011-01-01", "level": level, "baskets": 90, "capped_baskets": 10, "capped_share": 0.3,
            "least_count": 2, "frequent_items": 3, "candidate_pairs": 3, "complements": 2, "substitutes": 0,
            "rules": rules_told, "held_rules": rules_told, "reason": reason,
        }
        for level, rules_told, reason in (("product", 2, None), ("category", 0, "so"))
    ],
    "seeds.rule_thresholds": [
        {
            "support": 0.01, "confidence": 0.3, "lift": 1.5, "least_customers": 5,
            "false_discovery_rate": 0.05, "strongest": 50, "window_months": 12, "later_months": 3,
            "basket_cap": 100,
        }
    ],
    "seeds.english_words": [{"word": "the"}, {"word": "of"}],
    "forecasts.sales": [
        {
            "as_of": "2011-01-01", "grain": "month", "measure": "amount", "level": level, "series": series,
            "is_rest": series.startswith("Rest"), "parent": parent, "starts_on": "2011-02-01", "step": 1,
            "model": "theta", "mean": f"{mean}", "lo_80": f"{mean - 1}", "hi_80": f"{mean + 1}",
            "lo_95": f"{mean - 2}", "hi_95": f"{mean + 2}", "calibration_n": 40, "is_measured_80": True,
            "is_measured_95": True, "reason": None,
        }
        for level, series, parent, mean in (
            ("product", "B", "Tins", 4), ("category", "Tins", "All", 4), ("country", "EIRE", "All", 7),
            ("country", "France", "All", 5), ("total", "All", None, 12), ("category", "Bags", "All", 8),
            ("product", "A", "Bags", 6), ("product", "Rest of Bags", "Bags", 2),
        )
    ],
    "forecasts.backtest": [
        {
            "as_of": "2011-01-01", "origin": "2010-10-01", "grain": "month", "measure": "amount",
            "level": "total", "series": "All", "model": model, "first_step": 1, "last_step": 3, "steps": 3,
            "is_champion": model == "theta", "mase": 0.9, "smape": 12.5, "bias": -0.1, "pinball": 0.3,
            "coverage_80": 0.666667, "coverage_95": 1.0, "value_added": 0.1,
        }
        for model in ("theta", "as served")
    ],
    "forecasts.accuracy": [
        {
            "as_of": "2011-01-01", "origin": "2010-12-01", "grain": "day", "measure": "amount",
            "level": "total", "series": "All", "starts_on": f"2011-01-0{at}", "step": at, "model": "theta",
            "mean": "5", "actual": "6", "error": "-1", "is_held_80": False, "is_held_95": True,
        }
        for at in range(1, 4)
    ],
    "forecasts.anomalies": [
        {
            "as_of": "2011-01-01", "grain": "day", "measure": "amount", "level": "total", "series": "All",
            "starts_on": f"2011-01-0{at}", "actual": "9", "expected": "5", "deviations": deviations,
            "tail_probability": probability, "is_anomaly": at > 1,
        }
        for at, deviations, probability in ((1, 0.7, 0.5), (2, 3.3, 0.001), (3, -3.3, 0.001), (4, 4.0, 0.0001))
    ],
    "price.volume_mix": [
        {
            "month": "2011-01-01", "product_id": f"{at}", "category": "Bags", "units_before": 2, "units": 3,
            "amount_before": "4", "amount": "9", "change": "5", "price_effect": "3", "volume_effect": "4",
            "mix_effect": "-2", "discount_effect": "0",
        }
        for at in range(3)
    ],
    "seeds.forecasting": [
        {"holiday_country": "GB-ENG", "library": "MSTL; Prophet", "library_countries": 1}
    ],
    "seeds.events": [
        {
            "name": "Fair",
            "first_day": f"2011-0{month}-01",
            "last_day": f"2011-0{month}-03",
            "country": "All",
            "category": category,
        }
        for month, category in ((1, None), (5, None), (5, "Mugs"))
    ],
    "forecasts.series": [
        {
            "month": "2011-01-01", "grain": grain, "starts_on": start, "name": name, "category": category,
            "orders": orders, "amount": "5", "corrected_orders": orders and 1, "corrected_amount": "2",
        }
        for grain, start, name, category, orders in (
            ("day", "2011-01-02", "EIRE", None, 3), ("day", "2011-01-02", "France", None, 3),
            ("month", "2011-01-01", "A", "Bags", None), ("month", "2011-01-01", "B", "Bags", None),
        )
    ],
    "forecasts.rivals": [
        {
            "as_of": "2011-01-01", "grain": "day", "measure": "amount", "level": "total", "series": "All",
            "model": "MSTL", "starts_on": f"2011-01-0{step}", "step": step, "mean": "5", "reason": None,
        }
        for step in range(1, 4)
    ],
    "forecasts.said": [
        {"as_of": "2011-01-01", "digest": f"{at}", "means": "[1.0, 2.0, 3.0, 4.0]", "sigma": "[0.5, 0.5]"}
        for at in range(3)
    ],
    "demand.products": [
        {
            "as_of": "2011-01-01", "product_id": f"{at}", "category": "Bags", "amount": amount, "abc": abc, "months": 12,
            "variation": 0.4, "xyz": "X", "trend_strength": 0.5, "season_strength": None,
            "missing_reason": "a season needs 36 months", "out_of_stock_days": 2, "bridged_months": 1,
            "first_month": "2011-02-01",
            **{f"{name}_{step}": value for step in (1, 2, 3) for name, value in zip(("units", "lo_80", "hi_80"), (5.0, 2.0, 8.0), strict=True)},
            "units": 15.0, "model": "median", "reason": None, "counted_on": "2011-01-20", "on_hand": 30.0,
            "cover_months": 6.0, "overstock_units": 6.0, "is_dead_stock": False,
        }
        for at, (abc, amount) in enumerate((("A", 80.0), ("B", 15.0), ("C", 5.0)))
    ],
    "demand.reorder_points": [
        {
            "as_of": "2011-01-01", "product_id": f"{at}", "lead_days": 14, "service_level": 0.95, "covered_weeks": 3,
            "model": "smoothing", "weekly_units": 4.0, "error_deviation": 3.0, "errors": 40, "safety_stock": 5.5,
            "reorder_point": 18.0, "order_quantity": 16.0, "is_economic": False, "held_out_weeks": 13,
            "held_out_units": 50.0, "fill_rate": 0.98, "stockout_weeks": 1, "mean_stock": 12.0, "orders": 3,
            "reason": None,
        }
        for at in range(3)
    ],
    "price.daily_prices": [
        {
            "month": "2011-01-01", "day": f"2011-01-0{at}", "product_id": "A", "unit_price": "2.5", "lines": 2,
            "small_lines": 1, "units": 3,
        }
        for at in range(1, 4)
    ],
    "price.response": [
        {
            "as_of": "2011-01-01", "product_id": f"{at}", "category": "Bags", "periods": 20, "units": 100,
            "regular_price": "2", "lowest_price": "1.5", "highest_price": "2.5", "prices": 4, "elasticity": -1.5,
            "lo_90": -2.0, "hi_90": -1.0, "own_elasticity": -1.6, "own_deviation": 0.5, "promotion_elasticity": -2.0,
            "promotion_lo_90": -3.0, "promotion_hi_90": -1.0, "promotion_own_elasticity": -2.2,
            "promotion_own_deviation": 0.4, "dispersion": 1.2, "month_deviation": 0.15, "placebo": 0.1,
            "placebo_probability": 0.6, "shop_placebo_probability": 0.3, "shop_placebo_share": 0.02,
            "evidence": "observational", "reason": None,
        }
        for at in range(3)
    ],
    "price.suggestions": [
        {
            "as_of": "2011-01-01", "product_id": f"{at}", "category": "Bags", "goal": "margin", "regular_price": "2",
            "lowest_price": "1.5", "highest_price": "2.5", "unit_cost": "1", "suggested_price": "1.8", "gain": 0.02,
            "least_gain": 0.01, "elasticity": -2.3, "lo_90": -2.6, "hi_90": -2.0, "evidence": "observational",
            "reason": None,
        }
        for at in range(3)
    ],
    "seeds.pricing": [
        {"chance": 0.05, "placebo_share": 0.2, "least_prices": 4, "quiet_days": 91, "most_change": 0.2}
    ],
    "seeds.costs": [{"product_id": f"{at}", "unit_cost": "1.5"} for at in range(3)],
    "seeds.stockouts": [
        {"product_id": f"{at}", "first_day": "2011-01-03", "last_day": "2011-01-05"} for at in range(3)
    ],
    "seeds.stock": [{"product_id": f"{at}", "counted_on": "2011-01-03", "on_hand": 5} for at in range(3)],
    "seeds.supply": [{"product_id": f"{at}", "lead_days": 7, "service_level": 0.9} for at in range(3)],
    "seeds.ordering": [
        {
            "lead_days": 14, "service_level": 0.95, "cover_days": 28, "dead_days": 180, "order_cost": "20",
            "holding_a_year": 0.25,
        }
    ],
    "sentiment.lexicon": [
        {"month": "2011-01-01", "review_id": f"{at}", "words": 8, "score": 0.4} for at in range(3)
    ],
    "sentiment.models": [
        {
            "as_of": "2011-01-01", "rated": 900, "few_stars": 80, "is_used": True, "verdict": "knows more",
            "lexicon_auc": 0.88, "auc": 0.94, "gain_sigmas": 3.1, "intercept": -0.5, "lexicon_weight": 5.2,
            "words": [{"word": "broke", "idf": 4.1, "weight": -7.5}],
        }
    ],
    "sentiment.reviews": [
        {
            "month": "2011-01-01", "review_id": f"{at}", "product_id": "A", "rating": 5, "lexicon": 0.4,
            "learned_as_of": "2010-11-01", "score": 0.9, "label": "positive", "missing_reason": None,
        }
        for at in range(3)
    ],
    "sentiment.mismatches": [
        {
            "month": "2011-01-01", "review_id": f"{at}", "product_id": "A", "rating": 5, "score": -0.75,
            "words_are": "worse", "gap": 1.75,
        }
        for at in range(3)
    ],
    "sentiment.alerts": [
        {
            "as_of": "2011-01-01", "level": "product", "subject": f"{at}", "measure": "rating", "reviews": 8,
            "reviews_before": 40, "mean": 3.0, "mean_before": 4.5, "fall": 1.5, "chance": 0.00001,
            "false_share": 0.0001, "is_alert": True,
        }
        for at in range(3)
    ],
    "sentiment.topics": [
        {
            "as_of": "2011-01-01", "month": "2011-01-01", "level": level, "subject": subject, "topic_id": "all",
            "reviews": reviews, "weight": float(reviews), "mean_rating": 4.2, "mean_score": 0.6,
            "positive_share": 0.75, "negative_share": 0.25, "is_learned": True,
        }
        for level, subject, reviews in (("shop", "all", 8), ("product", "A", 4), ("product", "B", 4))
    ],
    "sentiment.helpfulness": [
        {
            "as_of": "2011-01-01", "feature": feature, "one_more": "one more", "odds_ratio": 1.5,
            "odds_ratio_low": 1.2, "odds_ratio_high": 1.9, "effect": 0.08, "reviews": 200, "votes": 500,
            "verdict": "more helpful",
        }
        for feature in ("length", "stars", "sentiment")
    ],
    "sentiment.reviewers": [
        {
            "month": "2011-01-01", "review_id": f"{at}", "product_id": "A", "customer_id": f"{at}", "rating": 5,
            "campaign": "0", "copies": 6, "similarity": 0.6, "in_hour": 6, "hour_chance": 0.00001,
            "rating_chance": 0.001, "reason": "copies in a burst",
        }
        for at in range(6)
    ],
    "seeds.sentiment": [{"least_of_each": 50, "growth": 1.5, "most_learned": 20000}],
    "seeds.review_alerts": [
        {"window_months": 3, "before_months": 12, "least_reviews": 5, "false_share": 0.001, "least_fall": 0.1}
    ],
}  # fmt: skip

# For each rule about keys or the business: what spoils the first row.
BREAKS: dict[str, dict[str, Any]] = {
    "core.order_lines.key_is_unique": {"invoice_id": "52"},
    "core.order_lines.category_is_that_of_goods": {"category": "Not goods"},
    "core.order_lines.month_is_that_of_the_sale": {"sold_at": "2011-02-01 00:00"},
    "core.order_lines.amount_is_quantity_times_price": {"amount": "3.0001"},
    "core.order_lines.sign_follows_kind": {"kind": "return"},
    "core.order_lines.amount_is_plausible": {"unit_price": "500000.01", "amount": "1000000.02"},
    "core.order_lines.invoice_has_one_customer": {"invoice_id": "52", "line": 2},
    "core.order_lines.most_lines_are_sales": {},
    "core.invoices.key_is_unique": {"invoice_id": "2"},
    "core.invoices.month_is_that_of_the_sale": {"sold_at": "2011-02-01 00:00"},
    "core.invoices.sign_follows_kind": {"amount": "-1"},
    "core.invoices.parts_are_no_more_than_the_whole": {"goods_lines": 3},
    "core.returns.key_is_unique": {"invoice_id": "C2"},
    "core.returns.month_is_that_of_the_return": {"returned_at": "2011-02-01 00:00"},
    "core.returns.a_match_is_whole": {"sale_units": None},
    "core.returns.guests_are_not_matched": {"customer_id": None},
    "core.returns.a_sale_comes_before_its_return": {"sold_at": "2011-01-21 10:00"},
    "core.returns.no_more_comes_back_than_was_sold": {"returned_units": 9},
    "core.customer_months.key_is_unique": {"customer_id": "1"},
    "core.customer_months.sales_have_a_date": {"last_sold_at": "2011-02-01"},
    "core.customer_months.orders_have_an_amount": {"units": 0},
    "core.customer_months.a_row_has_a_reason": {"returned_units": 1},
    "core.customer_months.days_and_hours_add_up": {"evening_orders": 0},
    "core.customer_months.gaps_reach_from_the_first_day_to_the_last": {"gap_days_square_sum": 82},
    "core.customer_product_months.key_is_unique": {"customer_id": "1"},
    "core.customer_product_months.sales_have_a_date": {"last_sold_at": "2011-02-01"},
    "core.customer_product_months.orders_have_an_amount": {"units": 0},
    "core.customer_product_months.a_row_has_a_reason": {
        "orders": 0, "units": 0, "amount": "0", "first_sold_at": None, "last_sold_at": None
    },
    "core.product_months.key_is_unique": {"product_id": "1"},
    "core.product_months.sales_have_a_date": {"first_sold_at": "2011-02-01"},
    "core.product_months.orders_have_an_amount": {
        "orders": 0, "customers": 0, "first_sold_at": None, "last_sold_at": None
    },
    "core.product_months.retail_is_part_of_it": {"retail_units": 3},
    "core.product_months.a_usual_price_is_one_of_retail": {"usual_price": None},
    "core.product_months.customers_have_orders": {"customers": 2},
    "core.product_weeks.key_is_unique": {"product_id": "1"},
    "core.product_weeks.orders_have_an_amount": {"orders": 0},
    "core.product_weeks.retail_is_part_of_it": {"retail_amount": "6"},
    "core.product_weeks.week_lies_in_the_month": {"days": 6},
    "core.reviews.key_is_unique": {"review_id": "1"},
    "core.reviews.rating_is_of_five_stars": {"rating": 6},
    "core.reviews.reviewed_in_the_month": {"reviewed_at": "2011-02-01 00:00"},
    "core.reviews.what_has_a_text_has_a_language": {"is_english": None},
    "core.product_names.key_is_unique": {"product_id": "1"},
    "core.product_names.sale_lines_are_lines": {"sale_lines": 3},
    "core.sales_days.key_is_unique": {"day": "2011-01-02"},
    "core.sales_days.day_is_in_the_month": {"day": "2011-02-01"},
    "core.sales_hours.key_is_unique": {"hour": 2},
    "core.sales_hours.day_is_in_the_month": {"day": "2011-02-01"},
    "core.sales_hours.hour_is_of_the_day": {"hour": 24},
    "core.sales_hours.orders_have_an_amount": {"amount": "0"},
    "core.products.key_is_unique": {"product_id": "1"},
    "core.products.nothing_later_is_seen": {"last_sold_at": "2011-02-01"},
    "core.products.a_name_was_spelled": {"spellings": []},
    "core.customers.key_is_unique": {"customer_id": "1"},
    "core.customers.nothing_later_is_seen": {"last_month": "2011-02-01"},
    "overview.hours.key_is_unique": {"hour": 2},
    "overview.hours.weekday_is_of_the_week": {"weekday": 8},
    "overview.hours.hour_is_of_the_day": {"hour": 24},
    "overview.hours.orders_have_an_amount": {"units": 0},
    "overview.weekdays.key_is_unique": {"weekday": 2},
    "overview.weekdays.weekday_is_of_the_week": {"weekday": 8},
    "overview.weekdays.orders_have_an_amount": {"units": 0},
    "overview.weekdays.every_day_has_an_order": {"days": 2},
    "overview.top_goods.key_is_unique": {"rank": 2},
    "overview.top_goods.rank_follows_amount": {"amount": "3"},
    "overview.top_goods.shares_are_of_one_whole": {"amount_share": 0.8},
    "overview.countries.key_is_unique": {"country": "France"},
    "overview.countries.shares_add_up": {"amount_share": 0.4},
    "overview.correlations.key_is_unique": {"figure": "orders"},
    "overview.correlations.correlation_is_at_most_one": {"correlation": 1.000001},
    "overview.correlations.a_pair_is_there_once": {"figure": "units"},
    "segments.rfm.key_is_unique": {"customer_id": "2"},
    "segments.rfm.scores_end_at_five": {"f": 6},
    "segments.rfm.equal_values_score_equally": {"recency_days": 2, "r": 2},
    "segments.rfm.returns_stay_below_sales": {"net_monetary": -1},
    "segments.rfm_moves.key_is_unique": {"to_segment": "Loyal"},
    "core.customer_days.key_is_unique": {"customer_id": "1"},
    "core.customer_days.day_is_in_the_month": {"day": "2011-03-02"},
    "core.customer_days.orders_have_an_amount": {"units": 0},
    "value.lifetime.key_is_unique": {"customer_id": "1"},
    "value.lifetime.bounds_hold_what_is_expected": {"expected_amount": 30.0},
    "value.lifetime.probability_is_at_most_1": {"probability_alive": 1.5},
    "value.backtest.key_is_unique": {"forecaster": "order_count"},
    "value.backtest.the_past_is_judged": {"bias_low": 0.05},
    "value.backtest.the_interval_holds": {"is_held": False, "bias_high": -0.1},
    "churn.risk.key_is_unique": {"customer_id": "1"},
    "churn.risk.a_probability_is_one": {"probability": 1.5},
    "churn.risk.reasons_come_in_order": {"effect_2": 0.9},
    "churn.backtest.key_is_unique": {"customers_of": "repeaters"},
    "churn.backtest.the_past_is_judged": {"lost_share": 1.5},
    "churn.backtest.no_leak": {"auc": 0.99},
    "recommendations.also_bought.key_is_unique": {"rank": 2},
    "recommendations.also_bought.ranks_have_no_gaps": {"rank": 4, "confidence": 0.1},
    "recommendations.also_bought.company_is_another": {"also_bought": "A"},
    "recommendations.similar_products.key_is_unique": {"rank": 2},
    "recommendations.similar_products.ranks_have_no_gaps": {"rank": 4, "similarity": 0.5},
    "recommendations.similar_products.alike_are_two": {"cosine": 1.5},
    "recommendations.similar_products.a_good_stands_once": {"similar_product_id": "C"},
    "recommendations.backtest.key_is_unique": {"candidate": "popular", "gain": None},
    "recommendations.backtest.the_past_is_judged": {"judged": "2011-02-01"},
    "recommendations.backtest.shares_are_at_most_1": {"recall_10": 0.35},
    "recommendations.backtest.new_is_new": {"reorder_share": 0.1},
    "recommendations.backtest.all_but_the_floor_have_a_gain": {"gain": 0.3},
    "recommendations.backtest.no_leak": {"capped_recall_10": 0.99},
    "recommendations.champions.key_is_unique": {"list": "new"},
    "recommendations.champions.a_champion_was_judged": {"judged": "2011-03-01"},
    "recommendations.champions.what_is_served_beat_the_floor": {"lead_low": 0.0},
    "recommendations.champions.the_champion_beats_the_floor": {"gain_high": -0.1},
    "recommendations.for_customers.key_is_unique": {"rank": 2},
    "recommendations.for_customers.ranks_have_no_gaps": {"rank": 4, "score": 0.5},
    "recommendations.for_customers.a_good_stands_once": {"product_id": "B"},
    "recommendations.for_customers.new_is_new": {"orders": 1},
    "recommendations.for_customers.the_better_comes_first": {"score": 2.5},
    "recommendations.due.key_is_unique": {"customer_id": "1"},
    "recommendations.due.what_is_due_was_ordered": {"due_on": "2011-01-04"},
    "segments.rfm_moves.moves_follow_on": {"from_segment": "New", "customers": 3},
    "segments.rfm_moves.a_move_has_an_end": {"to_segment": "None"},
    "segments.customer_features.key_is_unique": {"customer_id": "1"},
    "segments.customer_features.shares_add_up": {"sunday_share": 0.3},
    "segments.customer_features.a_favourite_is_one_of_several": {"favourite_share": 0.4},
    "segments.customer_features.averages_follow_from_sums": {"order_value": "2.4"},
    "segments.customer_features.gaps_reach_from_the_first_day_to_the_last": {"gap_variation": None},
    "segments.habits.key_is_unique": {"customer_id": "2"},
    "segments.cluster_quality.key_is_unique": {"clusters": 3},
    "segments.cluster_quality.one_way_is_chosen": {"is_chosen": False, "verdict": None},
    "segments.cluster_quality.a_silhouette_is_at_most_one": {"gain": 0.11},
    "segments.clusters.key_is_unique": {"customer_id": "2"},
    "segments.clusters.the_next_cluster_is_another": {"next_cluster_id": "2010-12.1"},
    "segments.cluster_names.key_is_unique": {"cluster_id": "2010-12.2"},
    "segments.cluster_names.a_name_is_that_of_one_cluster": {"name": "Occasional"},
    "segments.cluster_names.shares_add_up": {"customer_share": 0.4},
    "segments.cluster_moves.key_is_unique": {"to_cluster_id": "2010-12.2"},
    "segments.cluster_moves.a_move_has_an_end": {"to_cluster_id": "None"},
    "segments.cluster_profiles.key_is_unique": {"cluster_id": "2010-12.2"},
    "segments.cluster_profiles.what_makes_clusters_has_no_p_value": {"makes_clusters": True},
    "segments.cluster_drivers.key_is_unique": {"figure": "products"},
    "seeds.clustering.there_is_one_row": {},
    "seeds.cluster_names.key_is_unique": {"rank": 2},
    "segments.concentration.key_is_unique": {"top_share": 0.1},
    "segments.concentration.the_tops_lie_in_each_other": {"customers": 3},
    "segments.concentration.shares_are_of_one_whole": {"amount_share": 0.001},
    "segments.amount_moves.key_is_unique": {"move": "lapsed"},
    "segments.amount_moves.a_move_is_what_it_is_called": {"amount_change": "4"},
    "segments.amount_moves.months_follow_on": {
        "move": "expanded", "amount_before": "1", "amount_change": "4"
    },
    "cohorts.retention.key_is_unique": {"age": 1},
    "cohorts.retention.every_seen_age_is_there": {"age": 2},
    "cohorts.retention.a_cohort_begins_whole": {"customers": 3, "share": 0.75},
    "cohorts.retention.share_is_of_the_cohort": {"share": 0.9},
    "cohorts.revenue_retention.key_is_unique": {"age": 1},
    "cohorts.revenue_retention.every_seen_age_is_there": {"age": 2},
    "cohorts.revenue_retention.a_cohort_begins_whole": {"customers": 3},
    "cohorts.revenue_retention.customers_have_an_amount": {"customers": 0},
    "cohorts.revenue_retention.groups_add_up": {"returned_amount": "3"},
    "cohorts.revenue_retention.groups_are_of_one_kind": {"country": "EIRE", "first_category": "Bags"},
    "cohorts.revenue_retention.ages_add_up": {"cumulative_amount": "9"},
    "cohorts.revenue_retention.averages_follow_from_sums": {"value_per_customer": "1.6"},
    "seeds.categories.key_is_unique": {"pattern": "*MUG*"},
    "seeds.categories.pattern_is_upper_case": {"pattern": "*Bag*"},
    "seeds.categories.category_is_a_name": {"category": "All"},
    "seeds.not_goods.key_is_unique": {"pattern": "M"},
    "seeds.not_goods.pattern_is_upper_case": {"pattern": "Gift*"},
    "seeds.rfm_segments.key_is_unique": {"fm": 2},
    "cohorts.survival.key_is_unique": {"day": 90, "survival": 0.8, "survival_low": 0.5, "survival_high": 0.9},
    "cohorts.survival.a_curve_falls": {"day": 1},
    "cohorts.survival.bounds_hold_the_curve": {"events": 10},
    "segments.holdouts.key_is_unique": {"customer_id": "1"},
    "segments.actions.key_is_unique": {"segment": "New"},
    "segments.actions.parts_are_no_more_than_the_whole": {"held_out": 21},
    "segments.actions.affinities_come_in_order": {"lift_2": 1.6},
    "segments.service_demand.key_is_unique": {"segment": "New"},
    "segments.service_demand.bounds_hold_what_is_expected": {"return_lines_low": 4.5},
    "seeds.holdouts.there_is_one_row": {},
    "seeds.holdouts.share_is_below_one": {"share": 1.0},
    "seeds.campaigns.key_is_unique": {"segment": "New"},
    "seeds.churn.there_is_one_row": {},
    "seeds.value.there_is_one_row": {},
    "seeds.survival.there_is_one_row": {},
    "seeds.thresholds.there_is_one_row": {},
    "seeds.recommendations.there_is_one_row": {},
    "rules.baskets.key_is_unique": {"invoice_id": "2"},
    "rules.baskets.size_is_that_of_the_goods": {"size": 3},
    "rules.baskets.month_is_that_of_the_sale": {"sold_at": "2011-02-01 00:00"},
    "rules.baskets.stratum_is_that_of_the_size": {"stratum": 2},
    "rules.item_months.key_is_unique": {"item": "B"},
    "rules.pair_months.key_is_unique": {"other": "C"},
    "rules.pair_months.items_are_in_order": {"item": "B"},
    "rules.itemsets.key_is_unique": {"items": ["B"]},
    "rules.itemsets.length_is_that_of_the_items": {"length": 2},
    "rules.itemsets.support_is_a_share_of_one_whole": {"support": 0.06},
    "rules.rules.key_is_unique": {"antecedent": ["B"], "consequent": "A"},
    "rules.rules.no_pair_is_more_frequent_than_its_items": {"customers": 6},
    "rules.rules.ratios_follow_from_counts": {"confidence": 0.51},
    "rules.rules.the_later_months_are_a_part": {"later_adjusted_lift": 2.1},
    "rules.rules.probabilities_are_probabilities": {"p_value": 0.02},
    "rules.rules.an_association_is_what_it_is_called": {"is_held": False},
    "rules.rules.a_pair_is_told_from_both_sides": {"expected_count": 1.0, "adjusted_lift": 5.0},
    "rules.rules.ranks_follow_the_adjusted_lift": {"strength_rank": 3},
    "rules.bundles.key_is_unique": {"goods": ["C", "D"], "antecedent": ["C"], "consequent": "D"},
    "rules.bundles.the_bound_follows_from_its_parts": {"open_baskets": 6},
    "rules.bundles.a_bundle_is_a_strong_rule": {"adjusted_lift": 1.0},
    "rules.category_flows.key_is_unique": {"to_category": "Tins"},
    "rules.category_flows.shares_add_up": {"share": 0.4},
    "rules.category_flows.a_basket_is_linked_once": {"to_category": "Bags"},
    "rules.summary.key_is_unique": {"level": "category"},
    "rules.summary.no_rule_has_a_reason": {"reason": "so"},
    "rules.summary.counts_are_of_one_whole": {"capped_share": 1.1},
    "rules.summary.the_cap_leaves_most_in": {"capped_baskets": 11},
    "seeds.rule_thresholds.there_is_one_row": {},
    "seeds.rule_thresholds.thresholds_are_possible": {"confidence": 1.1},
    "seeds.rule_thresholds.the_window_has_earlier_months": {"later_months": 12},
    "topics.words.key_is_unique": {"review_id": "1"},
    "topics.learned.key_is_unique": {"review_id": "2"},
    "topics.models.key_is_unique": {"method": "lda"},
    "topics.fits.key_is_unique": {"topic_id": "2010-12.2"},
    "topics.terms.key_is_unique": {"term": "strap 2"},
    "topics.documents.key_is_unique": {"topic_id": "2010-12.2"},
    "topics.topics.key_is_unique": {"topic_id": "2010-12.2"},
    "topics.products.key_is_unique": {"topic_id": "2010-12.2"},
    "topics.trend.key_is_unique": {"topic_id": "2010-12.2"},
    "topics.map.key_is_unique": {"review_id": "1"},
    "seeds.stop_words.key_is_unique": {"word": "of"},
    "topics.words.words_or_a_reason": {"words": None},
    "topics.learned.places_have_no_gaps": {"place": 2},
    "topics.models.one_way_is_chosen": {"is_chosen": False},
    "topics.models.figures_are_of_what_was_tried": {"perplexity": 100.0},
    "topics.fits.a_name_is_that_of_one_topic": {"name": "strap 2"},
    "topics.fits.an_ended_topic_has_nothing": {"c_v": None},
    "topics.fits.weights_add_up": {"weights": [0.7, 0.2]},
    "topics.fits.a_model_is_of_one_kind": {"prior": 0.1},
    "topics.terms.ranks_have_no_gaps": {"rank": 4},
    "topics.terms.relevance_is_by_its_formula": {"relevance": 0.0},
    "topics.documents.shares_add_up": {"share": 0.4},
    "topics.documents.no_topic_has_a_reason": {"reason": "no text"},
    "topics.documents.nothing_is_later": {"month": "2011-02-01"},
    "topics.topics.a_name_is_that_of_one_topic": {"name": "strap 2"},
    "topics.topics.an_ended_topic_has_nothing": {"state": "ended"},
    "topics.topics.shares_add_up": {"share": 0.4},
    "topics.topics.stars_are_five_at_most": {"mean_rating": 5.5},
    "topics.products.shares_add_up": {"share": 0.4},
    "topics.products.stars_are_five_at_most": {"mean_rating": 5.5},
    "topics.trend.shares_add_up": {"share": 0.4},
    "topics.trend.intervals_hold_their_means": {"share_low": 0.6},
    "topics.trend.a_jump_is_a_change": {"change": 0.01},
    "topics.map.points_are_of_their_time_and_scale": {"score": 1.1},
    "seeds.topics.there_is_one_row": {},
    "seeds.topics.settings_make_sense": {"least_topics": 31},
    "seeds.english_words.key_is_unique": {"word": "of"},
    "seeds.english_words.word_is_lower_case": {"word": "The"},
    "forecasts.sales.key_is_unique": {"series": "A"},
    "forecasts.sales.intervals_hold_the_mean_and_each_other": {"lo_95": "3.5"},
    "forecasts.sales.parts_add_up_to_wholes": {"mean": "4.0001"},
    "forecasts.sales.a_whole_has_parts": {"parent": "Bags"},
    "forecasts.sales.few_stand_ins": {"reason": "theta failed"},
    "forecasts.backtest.key_is_unique": {"model": "as served"},
    "forecasts.backtest.the_past_is_judged": {"coverage_95": 1.5},
    "forecasts.accuracy.key_is_unique": {"starts_on": "2011-01-02"},
    "forecasts.accuracy.the_past_is_judged": {"error": "1"},
    "forecasts.anomalies.key_is_unique": {"starts_on": "2011-01-02"},
    "forecasts.anomalies.the_unlikeliest_are_marked": {"tail_probability": 0.0005},
    "forecasts.anomalies.anomalies_are_few": {"is_anomaly": True},
    "price.volume_mix.key_is_unique": {"product_id": "1"},
    "price.volume_mix.effects_add_up": {"price_effect": "2"},
    "price.volume_mix.what_is_new_or_gone_has_no_price_effect": {"units_before": 0},
    "demand.products.key_is_unique": {"product_id": "1"},
    "demand.products.months_add_up": {"units": 16.0},
    "demand.products.classes_follow_amounts": {"amount": 10.0},
    "demand.products.what_is_told_is_possible": {"xyz": None},
    "demand.products.stock_is_told_where_it_was_counted": {"counted_on": None},
    "demand.reorder_points.key_is_unique": {"product_id": "1"},
    "demand.reorder_points.a_point_covers_what_is_expected": {"reorder_point": 10.0},
    "demand.reorder_points.what_is_not_told_has_a_reason": {"reason": "too little"},
    "demand.reorder_points.shares_are_at_most_one": {"service_level": 1.0},
    "price.daily_prices.key_is_unique": {"day": "2011-01-02"},
    "price.daily_prices.lines_have_units": {"units": 1},
    "price.daily_prices.day_is_in_its_month": {"day": "2011-02-02"},
    "price.response.key_is_unique": {"product_id": "1"},
    "price.response.intervals_hold_what_is_told": {"hi_90": -1.9},
    "price.response.what_is_not_told_has_a_reason": {"reason": "too little"},
    "price.response.a_price_is_one_of_those_seen": {"regular_price": "3"},
    "price.suggestions.key_is_unique": {"product_id": "1"},
    "price.suggestions.what_is_not_told_has_a_reason": {"reason": "too little"},
    "price.suggestions.a_suggestion_is_within_the_prices_seen": {"suggested_price": "2.6"},
    "price.suggestions.a_suggestion_gains": {"least_gain": 0.03},
    "price.suggestions.margin_needs_a_cost": {"goal": "revenue"},
    "seeds.pricing.there_is_one_row": {},
    "seeds.costs.key_is_unique": {"product_id": "1"},
    "seeds.stockouts.key_is_unique": {"product_id": "1"},
    "seeds.stockouts.a_stockout_ends_after_it_begins": {"last_day": "2010-12-31"},
    "seeds.stock.key_is_unique": {"product_id": "1"},
    "seeds.supply.key_is_unique": {"product_id": "1"},
    "seeds.supply.service_level_is_below_one": {"service_level": 1.0},
    "seeds.ordering.there_is_one_row": {},
    "seeds.ordering.service_level_is_below_one": {"service_level": 1.0},
    "seeds.forecasting.there_is_one_row": {},
    "seeds.events.an_event_is_given_once": {"first_day": "2011-05-01", "last_day": "2011-05-02"},
    "seeds.events.it_ends_after_it_begins": {"last_day": "2010-12-31"},
    "seeds.events.an_event_of_a_category_is_everywhere": {"category": "Mugs", "country": "France"},
    "seeds.forecasting.models_are_known": {"library": "Theta"},
    "seeds.forecasting.holiday_country_is_a_code": {"holiday_country": "Atlantis"},
    "forecasts.series.key_is_unique": {"name": "France"},
    "forecasts.series.a_step_is_of_its_month": {"starts_on": "2011-04-30"},
    "forecasts.series.a_step_is_of_one_kind": {"orders": None},
    "forecasts.rivals.key_is_unique": {"step": 2},
    "forecasts.rivals.a_model_spoke_or_says_why": {"mean": None},
    "forecasts.rivals.few_failed": {"mean": None, "reason": "so"},
    "forecasts.said.key_is_unique": {"digest": "1"},
    "forecasts.said.each_model_spoke_of_each_step": {"means": "[1.0]"},
    "sentiment.lexicon.key_is_unique": {"review_id": "1"},
    "sentiment.lexicon.a_score_is_at_most_1": {"score": 1.5},
    "sentiment.models.key_is_unique": {},
    "sentiment.models.what_is_used_was_judged": {"auc": 0.8},
    "sentiment.reviews.key_is_unique": {"review_id": "1"},
    "sentiment.reviews.a_label_follows_the_score": {"score": -0.9},
    "sentiment.reviews.the_past_alone_is_learned_from": {"learned_as_of": "2011-01-01"},
    "sentiment.reviews.most_reviews_have_a_score": {
        "score": None, "label": "unknown", "missing_reason": "no text"
    },
    "sentiment.mismatches.key_is_unique": {"review_id": "1"},
    "sentiment.mismatches.words_and_stars_disagree": {"words_are": "better"},
    "sentiment.alerts.key_is_unique": {"subject": "1"},
    "sentiment.alerts.an_alert_fell": {"mean": 4.5, "fall": 0.0},
    "sentiment.topics.key_is_unique": {"level": "product", "subject": "A"},
    "sentiment.topics.parts_are_no_more_than_the_whole": {"positive_share": 0.8},
    "sentiment.topics.nothing_later_is_seen": {"month": "2011-02-01"},
    "sentiment.topics.products_add_up_to_the_shop": {"reviews": 9},
    "sentiment.helpfulness.key_is_unique": {"feature": "stars"},
    "sentiment.helpfulness.the_interval_holds_the_ratio": {"odds_ratio": 2.0},
    "sentiment.reviewers.key_is_unique": {"review_id": "1"},
    "sentiment.reviewers.a_reason_is_given": {"copies": 2},
    "seeds.sentiment.there_is_one_row": {},
    "seeds.review_alerts.there_is_one_row": {},
    "seeds.review_alerts.shares_are_below_one": {"false_share": 1.0},
}  # fmt: skip
# Rules that say several things: what else spoils the first row.
ALSO: list[tuple[str, dict[str, Any]]] = [
    ("rules.rules.ratios_follow_from_counts", {"leverage": 0.05}),
    ("rules.rules.the_later_months_are_a_part", {"later_expected_count": 2.5, "later_adjusted_lift": 0.8}),
    ("rules.rules.the_later_months_are_a_part", {"later_count": None, "strength_rank": 1}),
    ("rules.rules.the_later_months_are_a_part", {"later_adjusted_lift": None}),
    ("rules.summary.counts_are_of_one_whole", {"capped_share": None}),
    ("rules.summary.counts_are_of_one_whole", {"least_count": 91}),
    ("rules.summary.counts_are_of_one_whole", {"candidate_pairs": 4}),
    ("rules.bundles.a_bundle_is_a_strong_rule", {"customers": 6}),
    ("seeds.english_words.word_is_lower_case", {"word": "the "}),
    ("seeds.forecasting.models_are_known", {"library": "MSTL;"}),
    ("seeds.forecasting.holiday_country_is_a_code", {"holiday_country": "gb"}),
    ("seeds.events.it_ends_after_it_begins", {"name": " "}),
    ("forecasts.series.a_step_is_of_one_kind", {"category": "Bags"}),
    ("forecasts.series.a_step_is_of_one_kind", {"corrected_orders": None}),
    ("forecasts.sales.intervals_hold_the_mean_and_each_other", {"hi_80": "6.5"}),
]
# Rules of the business that a row cannot break without another.
TOGETHER = {
    "topics.documents.nothing_is_later": {"shares_add_up"},
    "core.customer_months.sales_have_a_date": {"gaps_reach_from_the_first_day_to_the_last"},
    "core.order_lines.key_is_unique": {"invoice_has_one_customer"},
    "core.returns.guests_are_not_matched": {"a_match_is_whole"},
    "overview.top_goods.key_is_unique": {"rank_follows_amount"},
    "recommendations.also_bought.key_is_unique": {"ranks_have_no_gaps"},
    "recommendations.similar_products.key_is_unique": {"ranks_have_no_gaps"},
    "recommendations.for_customers.key_is_unique": {"ranks_have_no_gaps"},
    "segments.amount_moves.key_is_unique": {"a_move_is_what_it_is_called"},
    "cohorts.survival.key_is_unique": {"a_curve_falls"},
    "cohorts.revenue_retention.key_is_unique": {"groups_add_up", "ages_add_up"},
    "cohorts.revenue_retention.every_seen_age_is_there": {"groups_add_up", "ages_add_up"},
    "cohorts.revenue_retention.a_cohort_begins_whole": {"groups_add_up"},
    "cohorts.revenue_retention.customers_have_an_amount": {"groups_add_up", "a_cohort_begins_whole"},
    "cohorts.revenue_retention.groups_add_up": {"ages_add_up"},
    "cohorts.revenue_retention.groups_are_of_one_kind": {
        "groups_add_up",
        "every_seen_age_is_there",
        "ages_add_up",
        "a_cohort_begins_whole",
    },
    "overview.correlations.key_is_unique": {"a_pair_is_there_once"},
    "forecasts.sales.a_whole_has_parts": {"parts_add_up_to_wholes"},
    "sentiment.topics.key_is_unique": {"products_add_up_to_the_shop"},
    "sentiment.topics.nothing_later_is_seen": {"products_add_up_to_the_shop"},
}
# What stands otherwise in the rows of February than a month later: the third of it is no Monday, and who began
# in December is a month older.
LATER = {
    "core.product_weeks": {"week": "2011-02-07"},
    "cohorts.retention": {"cohort": "2011-01-01"},
    "cohorts.revenue_retention": {"cohort": "2011-01-01"},
    "recommendations.backtest": {"origin": "2011-01-01"},
    "forecasts.sales": {"starts_on": "2011-03-01"},
}


RULES = [(name, rule) for name in GOOD for rule in BUSINESS.get(name, ())]
RULES += [(name, rule) for name in GOOD for rule in rules(TABLES[name]) if rule.name == "key_is_unique"]


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def stage(connection: duckdb.DuckDBPyConnection, table: Table, rows: list[dict[str, Any]]) -> None:
    shape = ", ".join(f'"{name}" {kind}' for name, kind in table.shape.items())
    connection.execute(f"CREATE OR REPLACE TABLE memory.staged ({shape})")
    connection.executemany(
        f"INSERT INTO memory.staged VALUES ({', '.join('?' for _ in table.columns)})",
        [[row[name] for name in table.shape] for row in rows],
    )


def failures(connection: duckdb.DuckDBPyConnection, table: Table) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in audit(connection, "staged", table):
        found.setdefault(finding.rule, []).append(finding)
    return found


@pytest.mark.parametrize("name", GOOD)
def test_good_rows_pass(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    stage(connection, TABLES[name], GOOD[name])
    assert audit(connection, "staged", TABLES[name]) == []


def test_every_table_that_is_made_is_judged_here() -> None:
    assert set(GOOD) == {name for name, table in TABLES.items() if table.is_made}
    assert {f"{name}.{rule.name}" for name, rule in RULES} == set(BREAKS)


def spoilt_rows(connection: duckdb.DuckDBPyConnection, name: str, spoilt: list[tuple[str, Any]]) -> None:
    """Stage the good rows, and for each column and value one more that has it: one audit judges them all."""
    first = GOOD[name][0]
    rows = [{**first, column: value} for column, value in spoilt]
    stage(connection, TABLES[name], [*GOOD[name], *rows])


@pytest.mark.parametrize("name", GOOD)
def test_every_column_is_held_to_its_contract(
    connection: duckdb.DuckDBPyConnection, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column whose values nobody judges can hold anything. Rows without a month are never staged."""
    table = TABLES[name]
    columns = [column for column in table.columns if column.name != table.partition_column]
    spoilt: dict[str, dict[str, Any]] = {
        "required_columns_are_given": {column.name: None for column in columns if not column.nullable},
        "columns_are_in_range": {
            column.name: column.minimum - 1 for column in columns if column.minimum is not None
        },
        "columns_are_known": {column.name: "unheard of" for column in columns if column.values is not None},
    }
    judged = [of for of in rules(table) if of.name in spoilt]
    assert {of.name for of in judged} == {rule for rule, values in spoilt.items() if values}
    monkeypatch.setattr(module, "rules", lambda _: judged)  # the others are judged elsewhere
    monkeypatch.setattr(module, "SAMPLE_ROWS", 1000)
    spoilt_rows(connection, name, [one for values in spoilt.values() for one in values.items()])
    found = failures(connection, table)
    assert set(found) == {of.name for of in judged}
    for rule, [finding] in found.items():
        shown = json.loads(finding.sample)
        assert sorted(row["columns"] for row in shown) == sorted([column] for column in spoilt[rule])
        assert (finding.count, finding.severity) == (len(spoilt[rule]), "error")
        for row in shown:
            [column] = row["columns"]
            value = spoilt[rule][column]
            assert row[column] is None if value is None else str(value) in str(row[column])


@pytest.mark.parametrize(
    ("name", "rule", "spoilt"),
    [(name, rule, BREAKS.get(f"{name}.{rule.name}", {})) for name, rule in RULES]
    + [(name, rule, spoilt) for name, rule in RULES for of, spoilt in ALSO if of == f"{name}.{rule.name}"],
    ids=lambda at: at.name if isinstance(at, Rule) else at if isinstance(at, str) else ",".join(at),
)
def test_every_rule_fails_for_the_rows_that_break_it_and_for_no_other(
    connection: duckdb.DuckDBPyConnection, name: str, rule: Rule, spoilt: dict[str, Any]
) -> None:
    """The spoiled row stands in February; January, which is good, must be published."""
    table, by = TABLES[name], TABLES[name].partition_column
    rows = [dict(row) for row in GOOD[name]]
    if by:
        later = [
            json.loads(json.dumps(row).replace("2011-01-", "2011-02-").replace("02-31", "02-28"))
            for row in rows
        ]
        later = [{**row, **LATER.get(name, {})} for row in later]
    else:
        later = rows
    later[0] |= {
        key: value.replace("2011-02-", "2011-03-").replace("2011-01-", "2011-02-")
        if isinstance(value, str)
        else value
        for key, value in spoilt.items()
    }
    if rule.name == "most_lines_are_sales":
        for row in later[:3]:
            row |= {"kind": "adjustment"}
    if rule.name == "returns_stay_below_sales":
        for row in later[:3]:
            row |= {"net_monetary": -1}
    if rule.name == "there_is_one_row" or (rule.name == "key_is_unique" and table.primary_key == (by,)):
        later.append(later[0])
    if rule.name == "most_reviews_have_a_score":
        later[1] |= later[0] | {"review_id": later[1]["review_id"]}
    if f"{name}.{rule.name}" == "core.order_lines.sign_follows_kind":
        later[1] |= {"amount": "-3", "quantity": -2}
    stage(connection, table, [*rows, *later] if by else later)
    found = failures(connection, table)
    assert set(found) - TOGETHER.get(f"{name}.{rule.name}", set()) == {rule.name}
    [finding] = found[rule.name]
    assert (finding.month, finding.severity) == (date(2011, 2, 1) if by else None, rule.severity)
    expected = connection.execute(f"SELECT count(*) FROM ({rule.failing.format(batch='memory.staged')})")
    assert finding.count == expected.fetchall()[0][0] > 0
    sample = json.loads(finding.sample)
    assert len(sample) == finding.count
    assert not by or {row[by] for row in sample} == {"2011-02-01"}


@pytest.mark.parametrize("name", GOOD)
def test_what_looks_like_a_number_and_is_none_is_found(
    connection: duckdb.DuckDBPyConnection, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In columns with a least value, too: DuckDB holds NaN to be greater than any number."""
    table = TABLES[name]
    judged = [rule for rule in rules(table) if rule.name == "columns_are_in_range"]
    monkeypatch.setattr(module, "rules", lambda _: judged)
    monkeypatch.setattr(module, "SAMPLE_ROWS", 1000)
    numbers = [column.name for column in table.columns if column.type == "DOUBLE"]
    spoilt = list(product(numbers, ("NaN", "Infinity", "-Infinity")))
    spoilt_rows(connection, name, spoilt)
    found = failures(connection, table)
    assert set(found) == ({"columns_are_in_range"} if spoilt else set())
    for [finding] in found.values():
        assert (finding.count, finding.severity) == (len(spoilt), "error")
        shown = [(row["columns"], row) for row in json.loads(finding.sample, parse_constant=str)]
        assert sorted((columns, row[columns[0]]) for columns, row in shown) == sorted(
            ([column], value) for column, value in spoilt
        )


def test_a_finding_counts_all_rows_and_shows_five(connection: duckdb.DuckDBPyConnection) -> None:
    table = TABLES["core.order_lines"]
    rows = [{**GOOD[table.qualified][0], "line": -at} for at in range(100)]
    rows += [{**row, "month": "2011-02-01", "sold_at": "2011-02-01"} for row in rows[:3]]
    stage(connection, table, rows)
    found = failures(connection, table)["columns_are_in_range"]
    assert [(at.month, at.count, len(json.loads(at.sample))) for at in found] == [
        (date(2011, 1, 1), 100, 5), (date(2011, 2, 1), 3, 3)
    ]  # fmt: skip


def test_samples_do_not_depend_on_the_order_of_rows(connection: duckdb.DuckDBPyConnection) -> None:
    """The record of a refusal would change with each run."""
    table = TABLES["core.order_lines"]
    rows = [{**GOOD[table.qualified][0], "line": -at} for at in range(100)]
    stage(connection, table, rows)
    one = audit(connection, "staged", table)
    stage(connection, table, rows[::-1])
    assert audit(connection, "staged", table) == one


def test_no_rows_are_no_fault(connection: duckdb.DuckDBPyConnection) -> None:
    stage(connection, TABLES["seeds.not_goods"], GOOD["seeds.not_goods"])
    connection.execute("DELETE FROM memory.staged")
    assert audit(connection, "staged", TABLES["seeds.not_goods"]) == []


def test_an_audit_within_a_transaction_leaves_it_open(connection: duckdb.DuckDBPyConnection) -> None:
    stage(connection, TABLES["seeds.not_goods"], GOOD["seeds.not_goods"])
    connection.begin()
    connection.execute("CREATE TABLE memory.more (a INT)")
    assert audit(connection, "staged", TABLES["seeds.not_goods"]) == []
    connection.rollback()
    assert connection.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("staged",)]


def test_an_expectation_that_raises_is_an_error_and_no_verdict(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a pass, which publishes what nobody judged, nor a refusal of good rows."""
    stage(connection, TABLES["seeds.not_goods"], GOOD["seeds.not_goods"])
    rule = Rule("broken", "SQL that fails.", "SELECT nothing FROM {batch}")
    monkeypatch.setattr(module, "rules", lambda _: (rule,))
    with pytest.raises(RuntimeError, match=r"Great Expectations could not judge staged: .*nothing"):
        audit(connection, "staged", TABLES["seeds.not_goods"])


def test_a_verdict_that_no_row_bears_out_is_an_error(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The month would be published though its rule failed."""
    stage(connection, TABLES["seeds.not_goods"], GOOD["seeds.not_goods"])
    monkeypatch.setattr(module, "_validate", lambda *_: dict.fromkeys(("key_is_unique",), False) | dict.fromkeys(
        (rule.name for rule in rules(TABLES["seeds.not_goods"]) if rule.name != "key_is_unique"), True
    ))  # fmt: skip
    with pytest.raises(RuntimeError, match=r"seeds\.not_goods fails key_is_unique, but no row of it does"):
        audit(connection, "staged", TABLES["seeds.not_goods"])


def test_great_expectations_is_imported_by_no_one_but_an_audit_with_rows() -> None:
    """It takes seconds, and every command would wait for it."""
    code = (
        "import sys, assets.graph, assets.make, expectations.audit, expectations.rules\n"
        "assert not [name for name in sys.modules if name.split('.')[0] in {'great_expectations', 'dagster'}]"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr


def test_nothing_of_what_is_judged_leaves_the_machine(connection: duckdb.DuckDBPyConnection) -> None:
    stage(connection, TABLES["seeds.not_goods"], GOOD["seeds.not_goods"])
    audit(connection, "staged", TABLES["seeds.not_goods"])
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
