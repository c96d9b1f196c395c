"""Several ways of forecasting a campaign, weighed by how they did on earlier ones."""
