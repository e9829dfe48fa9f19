package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

func main() {
	url := "https://api.openai-hk.com/v1/chat/completions"
	apiKey := "hk-替换为你的key"

	payload := map[string]interface{}{
		"max_tokens":        1200,
		"model":             "gpt-3.5-turbo",
		"temperature":       0.8,
		"top_p":             1,
		"presence_penalty":  1,
		"messages": []map[string]string{
			{
				"role":    "system",
				"content": "You are ChatGPT, a large language model trained by OpenAI. Answer as concisely as possible.",
			},
			{
				"role":    "user",
				"content": "你是chatGPT多少？",
			},
		},
	}

	jsonPayload, err := json.Marshal(payload)
	if err != nil {
		fmt.Println("Error encoding JSON payload:", err)
		return
	}

	req, err := http.NewRequest("POST", url, bytes.NewBuffer(jsonPayload))
	if err != nil {
		fmt.Println("Error creating HTTP request:", err)
		return
	}

	req.Header.Set("Authorization", "Bearer "+apiKey)
	req.Header.Set("Content-Type", "application/json")

	client := &http.Client{}
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println("Error making API request:", err)
		return
	}
	defer resp.Body.Close()

	// 处理响应
	// 请根据实际需求解析和处理响应数据
	fmt.Println("Response HTTP Status:", resp.StatusCode)
}
