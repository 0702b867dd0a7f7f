/** A row that the models `churn…` of `startWithModels` take, as in the API document. */
export const FEATURES = {
  total_orders: 15,
  days_since_last_order: 45,
  avg_order_value: 125.5,
  support_tickets: 3,
};
